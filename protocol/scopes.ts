/** What an API key may do. A secret key holds all, a restricted key a chosen set. */
export const scopes = [
  'devices:read',
  'devices:write',
  'end_users:read',
  'end_users:write',
  'recordings:read',
  'recordings:write',
  'commands:read',
  'commands:write',
  'webhooks:read',
  'webhooks:write',
  'api_keys:read',
  'api_keys:write',
  'audit:read',
  'audit:write',
] as const
export type Scope = (typeof scopes)[number]

const known: ReadonlySet<string> = new Set(scopes)
export const parseScope = (text: string): Scope | undefined =>
  known.has(text) ? (text as Scope) : undefined
