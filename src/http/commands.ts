import type { z } from 'zod'
import { faultsOf, parseIdempotencyKey } from '../../protocol/requests.ts'
import { bodyOf, idemOf, projectKey } from '../store/keyed.ts'
import type { Secrets } from '../store/keyring.ts'
import type { Provenance } from '../store/record.ts'
import type { ProjectCall } from './call.ts'
import { parseIfMatch } from './conditions.ts'
import { invalid, invalidValue } from './problems.ts'

/** The value that a schema makes of what came in, or 422 with every fault. */
export const checked = <Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
): z.output<Schema> => {
  const parsed = schema.safeParse(input)
  if (!parsed.success) throw invalid(faultsOf(parsed.error))
  return parsed.data
}

/** A request that may write, as the use-cases take it. */
export type Command<Body> = {
  readonly by: Provenance & { readonly project: ProjectCall['project'] }
  /** Clear, for the id of what is created under it. */
  readonly idempotencyKey: string | undefined
  /** Revisions of which the resource must have one; `undefined` for no condition. */
  readonly ifMatch?: readonly number[] | undefined
  readonly body: Body
}

const idempotencyKeyOf = ({ headers }: ProjectCall): string | undefined => {
  const text = headers['idempotency-key']
  if (text === undefined) return undefined
  const key = parseIdempotencyKey(text)
  if (key === undefined)
    throw invalidValue('Idempotency-Key', 'must be 1 to 255 letters, digits, "-" and "_"')
  return key
}

/** Reads the body, checks it, and says who asks and under which `Idempotency-Key`. A missing body is `{}`. */
export const readCommand = async <Schema extends z.ZodType>(
  secrets: Secrets,
  call: ProjectCall,
  schema: Schema,
): Promise<Command<z.output<Schema>>> => {
  const idempotencyKey = idempotencyKeyOf(call)
  const raw = await call.readJson()
  const body = checked(schema, raw ?? {})
  const { project, actor, requestId, method, path } = call
  const key = projectKey(secrets, project)
  const idem = idempotencyKey !== undefined && {
    idem: { key: idemOf(key, idempotencyKey), body: bodyOf(key, method, path, raw) },
  }
  const ifMatch = parseIfMatch(call.headers['if-match'])
  return { by: { project, actor, requestId, ...idem }, idempotencyKey, ifMatch, body }
}
