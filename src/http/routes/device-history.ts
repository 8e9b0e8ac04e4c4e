import { z } from 'zod'
import type { DeviceId } from '../../../protocol/ids.ts'
import { instantOf } from '../../../protocol/instant.ts'
import { historyAtReply, historyReply } from '../../../protocol/replies.ts'
import { type HistoryQuery, historyQuery } from '../../../protocol/requests.ts'
import type { RecordedEvent } from '../../store/record.ts'
import { open, openAll } from '../../store/seal.ts'
import { deviceStream } from '../../store/streams.ts'
import { deviceIn } from '../addressed.ts'
import { type Handler, jsonType, type ProjectCall, type Reply } from '../call.ts'
import { openCursor, sealCursor } from '../cursors.ts'
import { showFold } from '../device-views.ts'
import * as examples from '../openapi/examples.ts'
import { devicePath } from '../openapi/params.ts'
import type { Operation } from '../operation.ts'
import { listName } from '../pages.ts'
import type { HttpDeps } from '../ports.ts'
import { invalidValue, notFound } from '../problems.ts'
import { queryOf } from '../query.ts'
import { deviceAsOf } from '../use-cases/device-history.ts'

export const deviceHistoryOperation: Operation = {
  id: 'deviceHistory',
  tag: 'Devices',
  summary: 'Read a device’s history',
  description:
    'A page of events, read from the stream itself; with `at` or `revision` the device as it was then.',
  params: devicePath,
  query: historyQuery,
  replies: {
    200: {
      says: 'A page of events, or the device as it was.',
      body: z.union([historyReply, historyAtReply]),
      example: examples.page(examples.historyEntry),
      headers: ['Position'],
    },
  },
}

const placeSchema = z.object({ next: z.int().min(0) })

/** What an event says, for who may read it: no keyed hash leaves, and what is sealed is opened. */
const shownData = (event: RecordedEvent, key: Uint8Array | undefined): object => {
  const { hmac, pepper_kid, serial_hash, sealed, ...data } = { ...event.data } as Record<
    string,
    unknown
  >
  const opened = key && typeof sealed === 'string' ? open(sealed, key) : undefined
  return { ...data, ...opened }
}

type Shown = { readonly key: Uint8Array | undefined; readonly json: string }

// Opening and writing out cost more than all else; a key that was forgotten, as of somebody erased, is never the same again.
const shown = new WeakMap<RecordedEvent, Shown>()

const shownEvent = (event: RecordedEvent, key: Uint8Array | undefined): string => {
  const before = shown.get(event)
  if (before && before.key === key) return before.json
  const json = JSON.stringify({
    id: event.id,
    type: event.type,
    revision: event.revision,
    position: `${event.position}`,
    at: event.at,
    actor: event.envelope.a.actor,
    request_id: event.envelope.a.request_id,
    data: shownData(event, key),
  })
  shown.set(event, { key, json })
  return json
}

const pageOfEvents = async (
  { ledger, vault, secrets }: HttpDeps,
  { project }: ProjectCall,
  id: DeviceId,
  { order, limit, cursor }: HistoryQuery,
): Promise<Reply> => {
  const list = listName('history', project, id, order)
  const text = cursor
  const place =
    text === undefined ? undefined : openCursor(secrets.cursor, list, { text, schema: placeSchema })
  const from = place && { from: place.next }
  const { events, position } = await ledger.history(deviceStream(project, id), {
    count: limit + 1,
    order,
    ...from,
  })
  if (events.length === 0) throw notFound()
  const key = await vault.keyOf(id)
  const next = events[limit]
  const data = events.slice(0, limit).map((event) => shownEvent(event, key))
  const rest = {
    has_more: next !== undefined,
    next_cursor: next ? sealCursor(secrets.cursor, list, { next: next.revision }) : null,
  }
  const body = `{"data":[${data.join()}],${JSON.stringify(rest).slice('{'.length)}`
  return { status: 200, body, type: jsonType, position }
}

const deviceThen = async (
  deps: HttpDeps,
  { project }: ProjectCall,
  id: DeviceId,
  { at, revision }: HistoryQuery,
): Promise<Reply> => {
  const upTo = revision === undefined ? { at: instantOf(Date.parse(at ?? '')) } : { revision }
  const past = await deviceAsOf(deps)(project, id, upTo)
  if (past.position === null) throw notFound()
  if (revision !== undefined && past.revision !== revision) throw notFound('revision')
  const { state, position } = past
  if (state.status === 'unknown')
    return { status: 200, body: { revision: -1, at: null, device: null }, position }
  const key = await deps.vault.keyOf(id)
  const opened = key ? openAll(state.sealed, key) : {}
  const { full } = showFold(project, { state, revision: past.revision }, opened)
  return { status: 200, body: { revision: past.revision, at: past.at, device: full }, position }
}

/**
 * GET /v1/devices/{id}/history (HTTP contract, decision 26): read from the stream itself, so it needs no `Min-Position`. With `at` or
 * `revision` the device as it was then.
 */
export const deviceHistory =
  (deps: HttpDeps): Handler<ProjectCall> =>
  async (call) => {
    const id = deviceIn(call)
    const query = queryOf(call, historyQuery)
    if (query.at !== undefined && query.revision !== undefined)
      throw invalidValue('revision', 'cannot be asked for together with at')
    return query.at === undefined && query.revision === undefined
      ? pageOfEvents(deps, call, id, query)
      : deviceThen(deps, call, id, query)
  }
