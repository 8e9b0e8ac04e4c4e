import type { DeviceId, SessionId } from '../../protocol/ids.ts'
import { msOf } from '../../protocol/instant.ts'
import { takeoverDevicesMax, takeoversPerMinuteMax } from '../../protocol/limits.ts'
import { createLru } from '../../protocol/lru.ts'
import type { SessionEntry } from '../../protocol/observations.ts'

type Device = { open: SessionId | undefined; readonly takenAt: readonly number[] }

const minuteMs = 60_000

const withinMinute = ({ open, takenAt }: Device, at: number): readonly number[] => {
  const recent = takenAt.filter((ms) => ms > at - minuteMs)
  return open === undefined ? recent : [...recent, at]
}

/**
 * Counts takeovers as the log tells them: a session that opens while the one before it was not closed. Every node that follows
 * the log counts the same. Returns how many the last minute held, where those are more than `takeoversPerMinuteMax`.
 */
export const createTakeovers = (): ((entry: SessionEntry) => number | undefined) => {
  const devices = createLru<DeviceId, Device>(takeoverDevicesMax)
  return ({ k, s, d, rx }) => {
    const device = devices.get(d) ?? { open: undefined, takenAt: [] }
    if (k === 'closed') {
      if (device.open === s) device.open = undefined
      return undefined
    }
    const takenAt = withinMinute(device, msOf(rx))
    devices.set(d, { open: s, takenAt })
    return takenAt.length > takeoversPerMinuteMax ? takenAt.length : undefined
  }
}
