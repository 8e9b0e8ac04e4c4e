import { type Kysely, sql } from 'kysely'
import { type BootWindow, initialWindow } from '../protocol/boot-window.ts'
import type { Entry, SessionEntry } from '../protocol/observations.ts'
import { WindowTracker } from '../protocol/window-tracker.ts'
import type { LogEvent } from './log-event.ts'
import { born, type Growth, ids, none, projection, type Touched } from './projection.ts'
import type { DeviceHealthRow, Tables } from './tables.ts'

const silent = (id: string, project: string): DeviceHealthRow => ({
  device_id: id,
  project_id: project,
  battery_percent: null,
  storage_used_mb: null,
  storage_total_mb: null,
  signal_strength_dbm: null,
  firmware_version: null,
  device_name: null,
  device_state: null,
  pending_recordings: null,
  flags: null,
  connection_type: null,
  last_heartbeat_at: null,
  last_seen_at: null,
  last_seen_via: null,
  boot_window: initialWindow,
  session_id: null,
  session_node: null,
  session_position: null,
  session_since: null,
  presence_changed_at: null,
  presence_reason: null,
  retired: false,
})

const int8 = (value: number | undefined, before: string | null): string | null =>
  value === undefined ? before : String(value)

type HeartbeatData = Extract<Entry, { k: 'heartbeat' }>['data']

const heartbeat = (
  row: DeviceHealthRow,
  data: HeartbeatData,
  deviceName: string | null,
  at: string | null,
): Partial<DeviceHealthRow> => ({
  battery_percent: data.battery_percent ?? row.battery_percent,
  storage_used_mb: int8(data.storage_used_mb, row.storage_used_mb),
  storage_total_mb: int8(data.storage_total_mb, row.storage_total_mb),
  signal_strength_dbm: data.signal_strength_dbm ?? row.signal_strength_dbm,
  firmware_version: data.firmware_version ?? row.firmware_version,
  device_name: deviceName ?? row.device_name,
  device_state: data.device_state ?? row.device_state,
  pending_recordings: int8(data.pending_recordings, row.pending_recordings),
  flags: data.flags ?? row.flags,
  connection_type: data.connection_type ?? row.connection_type,
  last_heartbeat_at: at,
})

type Observed = Extract<LogEvent, { kind: 'observed' }>

/** What the entries of commits say of one device: of each member that was reported, the newest. */
class News {
  readonly #window: WindowTracker
  readonly #data: HeartbeatData = {}
  #deviceName: string | null = null
  #heartbeatAt: string | null = null
  #seen: Pick<DeviceHealthRow, 'last_seen_at' | 'last_seen_via'> | undefined

  constructor(window: BootWindow) {
    this.#window = new WindowTracker(window)
  }

  meet(entry: Entry, deviceNames: Observed['deviceNames']): void {
    const { k, boot, seq, rx, via } = entry
    const isNumbered = k !== 'rejected' && boot !== undefined && seq !== undefined
    const verdict = isNumbered ? this.#window.meet(boot, seq) : 'newest'
    if (verdict === 'repeat') return
    this.#seen = { last_seen_at: rx, last_seen_via: via }
    // What is older than the newest that was met is a sign of life and moves nothing else.
    if (verdict !== 'newest') return
    if (k === 'boot') {
      const { firmware_version } = entry.data
      if (firmware_version !== undefined) this.#data.firmware_version = firmware_version
    } else if (k === 'heartbeat') {
      Object.assign(this.#data, entry.data)
      this.#deviceName = deviceNames.get(entry) ?? this.#deviceName
      this.#heartbeatAt = rx
    }
  }

  /** The row itself when there were repeats alone. */
  into(row: DeviceHealthRow): DeviceHealthRow {
    if (!this.#seen) return row
    return {
      ...row,
      ...heartbeat(row, this.#data, this.#deviceName, this.#heartbeatAt ?? row.last_heartbeat_at),
      ...this.#seen,
      boot_window: this.#window.value(),
    }
  }
}

const grow = (row: DeviceHealthRow, id: string): Growth<DeviceHealthRow> => {
  const news = new News(row.boot_window)
  return {
    meet: (event) => {
      if (event.kind !== 'observed') return false
      for (const entry of event.byDevice.get(id) ?? [])
        if (entry.p === row.project_id) news.meet(entry, event.deviceNames)
      return true
    },
    row: () => news.into(row),
  }
}

const observeAll = (row: DeviceHealthRow, event: Observed, id: string): DeviceHealthRow => {
  const growth = grow(row, id)
  growth.meet(event)
  return growth.row()
}

const presence = (
  row: DeviceHealthRow,
  entry: SessionEntry,
  node: string,
  position: bigint,
): DeviceHealthRow => {
  const changed = {
    presence_changed_at: entry.rx,
    last_seen_at: entry.rx,
    last_seen_via: 'mqtt' as const,
  }
  if (entry.k === 'opened')
    return {
      ...row,
      ...changed,
      session_id: entry.s,
      session_node: node,
      session_position: String(position),
      session_since: entry.rx,
      presence_reason: 'connected',
    }
  // `closed` ends only the session with that id: a newer one goes on.
  if (row.session_id !== entry.s) return row
  return { ...row, ...changed, ...offline, presence_reason: entry.reason ?? 'disconnected' }
}

const offline = {
  session_id: null,
  session_node: null,
  session_position: null,
  session_since: null,
}

const touchedBy = (type: string, id: string): Touched => {
  if (type === 'DeviceRegistered') return born(id)
  return type === 'DeviceRetired' ? ids(id) : none
}

const touched = (event: LogEvent): Touched => {
  if (event.kind === 'device') return touchedBy(event.event.type, event.subject)
  if (event.kind === 'observed') return { ids: [...event.byDevice.keys()] }
  if (event.kind === 'sessions') return { ids: event.entries.map(({ d }) => d) }
  return event.kind === 'node-lost' ? { where: 'session_node', is: event.node } : none
}

const met = (row: DeviceHealthRow, event: LogEvent, id: string): DeviceHealthRow => {
  switch (event.kind) {
    case 'observed':
      return observeAll(row, event, id)
    case 'sessions':
      return event.entries
        .filter(({ d, p }) => d === id && p === row.project_id)
        .reduce((now, entry) => presence(now, entry, event.node, event.position), row)
    case 'node-lost':
      return row.session_node === event.node
        ? { ...row, ...offline, presence_reason: 'node_lost' }
        : row
    default:
      return row
  }
}

const recorded = (
  row: DeviceHealthRow | undefined,
  { event, project }: Extract<LogEvent, { kind: 'device' }>,
  id: string,
): DeviceHealthRow | undefined => {
  if (event.type === 'DeviceRegistered') return silent(id, project ?? '')
  return event.type === 'DeviceRetired' && row ? { ...row, retired: true } : row
}

/** HTTP contract, 2.2: a battery below this is low; storage used beyond nine tenths is full. */
const lowBatteryPercent = 15

const isBatteryLow = ({ battery_percent }: DeviceHealthRow): boolean =>
  battery_percent !== null && battery_percent < lowBatteryPercent

const isStorageFull = ({ storage_used_mb, storage_total_mb }: DeviceHealthRow): boolean =>
  storage_used_mb !== null &&
  storage_total_mb !== null &&
  BigInt(storage_used_mb) * 10n > BigInt(storage_total_mb) * 9n

/** Health only ever updates a row: the registration makes it. */
export const deviceHealth = projection<DeviceHealthRow>({
  name: 'device_health',
  version: 1,
  key: 'device_id',
  columns: Object.keys(silent('', '')) as (keyof DeviceHealthRow & string)[],
  touches: touched,
  fold: (row, event, id) => {
    if (event.kind === 'device') return recorded(row, event, id)
    return row && met(row, event, id)
  },
  grow,
  counts: {
    connected: (row) => !row.retired && row.session_id !== null,
    low_battery: (row) => !row.retired && isBatteryLow(row),
    storage_full: (row) => !row.retired && isStorageFull(row),
  },
})

/** Where the numbering of devices stands, to meet retransmissions at the edge; of those that have a row. */
export const readBootWindows = async (
  db: Kysely<Tables>,
  ids: readonly string[],
): Promise<ReadonlyMap<string, BootWindow>> => {
  const { rows } = await sql<{ device_id: string; boot_window: BootWindow }>`
    select device_id, boot_window from live.device_health where device_id = any(${ids}::text[])`.execute(
    db,
  )
  return new Map(rows.map((row) => [row.device_id, row.boot_window]))
}
