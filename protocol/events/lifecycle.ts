import type { z } from 'zod'
import type { Instant } from '../instant.ts'
import { apiKeyEvents } from './api-key.ts'
import { claimEvents } from './claim.ts'
import { deviceEvents } from './device.ts'
import { endUserEvents } from './end-user.ts'
import { projectEvents } from './project.ts'
import { recordingEvents } from './recording.ts'
import { signingKeyEvents } from './signing-key.ts'

/** Which events stand in which kind of stream: `<proj>.<kind>-<id>`, or `sys.signing-key-<kid>`. */
export const lifecycleEvents = {
  device: deviceEvents,
  enduser: endUserEvents,
  apikey: apiKeyEvents,
  project: projectEvents,
  claim: claimEvents,
  recording: recordingEvents,
  'signing-key': signingKeyEvents,
} as const
export type StreamKind = keyof typeof lifecycleEvents

type Union<Schemas extends { readonly [type: string]: z.ZodType }> = {
  readonly [Type in keyof Schemas & string]: {
    readonly type: Type
    readonly data: Readonly<z.infer<Schemas[Type]>>
  }
}[keyof Schemas & string]

export type DeviceEvent = Union<typeof deviceEvents>
export type EndUserEvent = Union<typeof endUserEvents>
export type ApiKeyEvent = Union<typeof apiKeyEvents>
export type ProjectEvent = Union<typeof projectEvents>
export type ClaimEvent = Union<typeof claimEvents>
export type RecordingEvent = Union<typeof recordingEvents>
export type SigningKeyEvent = Union<typeof signingKeyEvents>

type EventsByKind = {
  device: DeviceEvent
  enduser: EndUserEvent
  apikey: ApiKeyEvent
  project: ProjectEvent
  claim: ClaimEvent
  recording: RecordingEvent
  'signing-key': SigningKeyEvent
}
export type EventOf<Kind extends StreamKind> = EventsByKind[Kind]
export type LifecycleEvent = EventsByKind[StreamKind]

/** An event as a decision makes it and a fold meets it: what happened, without the envelope. */
export type Fact = { readonly type: string; readonly data: object }

/** A fact as it was stored. `at` is the server's time; order is the revision, never the time. */
export type Recorded<Event extends Fact> = Event & {
  readonly at: Instant
  readonly revision: number
}

/**
 * Changes of form: a stored form that no longer fits its schema gets a function here that turns it into the
 * next form, and its vector stays. Applied in order before the schema. Nothing has changed yet.
 */
type Upcast = (data: object) => object
const upcasts: { readonly [type: string]: readonly Upcast[] } = {}

export class UnknownEvent extends Error {
  override readonly name = 'UnknownEvent'
}

/** The event that was stored under that type in a stream of that kind; an unknown type or form is an `UnknownEvent`. */
export const parseLifecycleEvent = <Kind extends StreamKind>(
  kind: Kind,
  type: string,
  stored: object,
): EventOf<Kind> => {
  const schemas: { readonly [type: string]: z.ZodType } = lifecycleEvents[kind]
  const schema = Object.hasOwn(schemas, type) ? schemas[type] : undefined
  if (!schema) throw new UnknownEvent(`${type} is no event of ${kind} streams`)
  const data = (upcasts[type] ?? []).reduce((form, upcast) => upcast(form), stored)
  const parsed = schema.safeParse(data)
  if (!parsed.success)
    throw new UnknownEvent(
      `${type}: ${parsed.error.issues.map((i) => `${i.path.join('.')} ${i.message}`).join('; ')}`,
    )
  return { type, data: parsed.data } as EventOf<Kind>
}
