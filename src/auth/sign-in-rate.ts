import type { DeviceId } from '../../protocol/ids.ts'
import { signInsPerMinuteMax, takeoverDevicesMax } from '../../protocol/limits.ts'
import { createLru } from '../../protocol/lru.ts'

/**
 * Whether a device may open one more session on this node in this minute: each is two entries in the log, which a device that comes
 * and goes without end must not fill.
 */
export const createSignInRate = (monotonic: () => number): ((device: DeviceId) => boolean) => {
  const devices = createLru<DeviceId, { readonly minute: number; count: number }>(
    takeoverDevicesMax,
  )
  return (device) => {
    const minute = Math.floor(monotonic() / 60_000)
    const known = devices.get(device)
    const current = known?.minute === minute ? known : { minute, count: 0 }
    devices.set(device, current)
    if (current.count >= signInsPerMinuteMax) return false
    current.count += 1
    return true
  }
}
