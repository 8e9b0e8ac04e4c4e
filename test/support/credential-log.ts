import { createHash } from 'node:crypto'
import { tokens } from '../../projections/tokens.ts'
import type { DeviceEvent } from '../../protocol/events/lifecycle.ts'
import type { BindingId, DeviceId, EndUserId, ProjectId, TokenId } from '../../protocol/ids.ts'
import { instantOf } from '../../protocol/instant.ts'
import type { CredentialEvent, CredentialId, Read } from '../../src/auth/overlay.ts'
import type { TokenTruth } from '../../src/auth/truth.ts'
import { bind, type Device, evolve, initial, retire, unbind } from '../../src/domain/device.ts'
import { confirmToken, refreshToken } from '../../src/domain/token-decisions.ts'
import type { Position } from '../../src/store/event-store.ts'

export type Act = 'bind' | 'unbind' | 'refresh' | 'refresh-again' | 'confirm' | 'retire'
export const acts: readonly Act[] = [
  'bind',
  'unbind',
  'refresh',
  'refresh-again',
  'confirm',
  'retire',
]

const project = `proj_${'p'.repeat(22)}` as ProjectId
const idOf = (what: string): string => createHash('sha256').update(what).digest('hex').slice(0, 22)
const at = (n: number) => instantOf(1_700_000_000_000 + n)

/** What the stream of a device says of one of its tokens: the domain's own word. */
const stateIn = (device: Device, id: string): 'usable' | 'unusable' => {
  if (device.status !== 'bound') return 'unusable'
  const { current, old } = device.tokens
  return current?.token_id === id || old?.token_id === id ? 'usable' : 'unusable'
}

/** A log of the lifecycles of a few devices, made by the real decisions, at rising positions with gaps. */
export class CredentialLog {
  readonly events: CredentialEvent[] = []
  readonly tokenIds: TokenId[] = []
  readonly #devices = new Map<DeviceId, Device>()
  /** Where each append ends. */
  readonly #ends: Position[] = [0n]
  #end: Position = 0n

  get end(): Position {
    return this.#end
  }

  deviceId(n: number): DeviceId {
    return `dev_${idOf(`device ${n}`)}` as DeviceId
  }

  #token() {
    const token_id = idOf(`token ${this.tokenIds.length}`).slice(0, 12) as TokenId
    return { token_id, hmac: 'h'.repeat(43), pepper_kid: 'aaaaaaaa' }
  }

  #decide(device: Device, act: Act): readonly DeviceEvent[] {
    const tokens = 'tokens' in device ? device.tokens : undefined
    const current = tokens?.current?.token_id ?? ('none' as TokenId)
    const old = tokens?.old?.token_id ?? ('none' as TokenId)
    const time = at(this.events.length)
    const refresh = (presented: TokenId) =>
      refreshToken({ presented, next: this.#token(), graceMs: 86_400_000 }, time)(device)
    switch (act) {
      case 'bind': {
        const name = idOf(`binding ${this.events.length}`)
        const [bindingId, endUserId] = [`bind_${name}` as BindingId, `eu_${name}` as EndUserId]
        return bind({ bindingId, endUserId, token: this.#token() })(device).events
      }
      case 'unbind':
        return unbind({ reason: 'requested' })(device).events
      case 'refresh':
        return refresh(current).events
      case 'refresh-again':
        return refresh(old).events
      case 'confirm':
        return confirmToken({ tokenId: current })(device).events
      case 'retire':
        return retire()(device).events
    }
  }

  act(n: number, act: Act): void {
    const subject = this.deviceId(n)
    let device = this.#devices.get(subject) ?? this.#register(subject)
    for (const event of this.#decide(device, act)) {
      device = evolve(device, { ...event, at: at(this.events.length) })
      this.#end += 3n
      if ('hmac' in event.data) this.tokenIds.push(event.data.token_id)
      this.events.push({ position: this.#end, project, kind: 'device', subject, event })
    }
    this.#devices.set(subject, device)
    this.#ends.push(this.#end)
  }

  #register(device_id: DeviceId): Device {
    const data = {
      device_id,
      model: 'm',
      generation: 1,
      serial_hash: '0'.repeat(64),
      sealed: 'AAAA',
    }
    return evolve(initial, { type: 'DeviceRegistered', data, at: at(0) })
  }

  #upTo(position: Position, subject?: DeviceId) {
    return this.events.filter(
      (one) => one.position <= position && (subject === undefined || one.subject === subject),
    )
  }

  #ownerOf(id: CredentialId): DeviceId | undefined {
    const birth = this.events.find(
      ({ event }) => 'hmac' in event.data && 'token_id' in event.data && event.data.token_id === id,
    )
    return birth?.subject as DeviceId | undefined
  }

  /** What is true of a token after the events up to a position. */
  truthAt(id: CredentialId, position: Position): 'unknown' | 'usable' | 'unusable' {
    const subject = this.#ownerOf(id)
    if (!subject) return 'unknown'
    const events = this.#upTo(position, subject)
    const isBorn = events.some(
      ({ event }) => 'hmac' in event.data && 'token_id' in event.data && event.data.token_id === id,
    )
    return isBorn ? stateIn(this.#foldOf(subject, events), id) : 'unknown'
  }

  /** Inside an append, what stood before it and what stands after it are as good. */
  #around(position: Position): readonly Position[] {
    const before = this.#ends.findLast((end) => end <= position) ?? position
    const after = this.#ends.find((end) => end >= position) ?? position
    return [before, position, after]
  }

  truthsAround(id: CredentialId, position: Position): ReadonlySet<string> {
    return new Set(this.#around(position).map((one) => this.truthAt(id, one)))
  }

  /** The bindings of the token's device at that position. */
  bindingsAround(id: CredentialId, position: Position): ReadonlySet<string | undefined> {
    const subject = this.#ownerOf(id)
    const bindings = this.#around(position).map((one) => {
      const device = subject && this.#foldOf(subject, this.#upTo(one, subject))
      return device && 'binding' in device ? device.binding?.bindingId : undefined
    })
    return new Set(bindings)
  }

  #foldOf(subject: DeviceId, events: readonly CredentialEvent[]): Device {
    return events.reduce(
      (device, { kind, event }) =>
        kind === 'device' ? evolve(device, { ...event, at: at(0) }) : device,
      this.#register(subject),
    )
  }

  /** The row as the real projection folds it, at a checkpoint. */
  readAt(id: CredentialId, checkpoint: Position): Read {
    const subject = this.#ownerOf(id)
    if (!subject) return { id, truth: undefined, checkpoint }
    const events = this.#upTo(checkpoint, subject)
    const row = events.reduce<ReturnType<typeof tokens.fold>>((before, one, revision) => {
      if (one.kind !== 'device') return before
      const { position, kind, event } = one
      const place = { project, subject, revision, position, at: at(0) }
      const logEvent = { ...place, kind, event, opened: null }
      const touched = tokens.touches(logEvent)
      if (!touched) return before
      const isTouched = 'ids' in touched ? touched.ids.includes(id) : before !== undefined
      return isTouched ? tokens.fold(before, logEvent, id) : before
    }, undefined)
    const device = this.#foldOf(subject, events)
    return { id, checkpoint, truth: row && truthOf(row as Row, device) }
  }
}

type Row = {
  id: string
  hmac: string
  pepper_kid: string
  state: string
  valid_until: string | null
}

const truthOf = (row: Row, device: Device): TokenTruth => ({
  kind: 'token',
  tokenId: row.id as TokenId,
  project,
  deviceId: 'deviceId' in device ? device.deviceId : ('' as DeviceId),
  binding: 'binding' in device ? device.binding : null,
  secret: { hmac: row.hmac, pepperKid: row.pepper_kid },
  state: row.state === 'revoked' ? 'dead' : (row.state as TokenTruth['state']),
  validUntil: row.valid_until as TokenTruth['validUntil'],
})
