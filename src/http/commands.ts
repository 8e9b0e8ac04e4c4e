import type { z } from 'zod'
import { faultsOf, parseIdempotencyKey } from '../../protocol/requests.ts'
import { bodyOf, idemOf, projectKey } from '../store/keyed.ts'
import type { Secrets } from '../store/keyring.ts'
import type { Provenance } from '../store/record.ts'
import type { Call, ProjectCall } from './call.ts'
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

const idempotencyKeyOf = ({ headers }: Call): string | undefined => {
  const text = headers['idempotency-key']
  if (text === undefined) return undefined
  const key = parseIdempotencyKey(text)
  if (key === undefined)
    throw invalidValue('Idempotency-Key', 'must be 1 to 255 letters, digits, "-" and "_"')
  return key
}

/** The checked body, and what is remembered of it under `key` where an `Idempotency-Key` came. A missing body is `{}`. */
export const readKeyed = async <Schema extends z.ZodType>(
  call: Call,
  key: Buffer,
  schema: Schema,
) => {
  const idempotencyKey = idempotencyKeyOf(call)
  const raw = await call.readJson()
  const body = checked(schema, raw ?? {})
  const idem = idempotencyKey !== undefined && {
    idem: { key: idemOf(key, idempotencyKey), body: bodyOf(key, call.method, call.path, raw) },
  }
  return { idempotencyKey, body, remembered: idem || {} }
}

/** Reads the body, checks it, and says who asks and under which `Idempotency-Key`. */
export const readCommand = async <Schema extends z.ZodType>(
  secrets: Secrets,
  call: ProjectCall,
  schema: Schema,
): Promise<Command<z.output<Schema>>> => {
  const { project, actor, requestId } = call
  const { idempotencyKey, body, remembered } = await readKeyed(
    call,
    projectKey(secrets, project),
    schema,
  )
  const ifMatch = parseIfMatch(call.headers['if-match'])
  return { by: { project, actor, requestId, ...remembered }, idempotencyKey, ifMatch, body }
}
