import type { Device, RegisteredDevice } from '../../domain/device.ts'
import type { Written } from '../use-cases/written.ts'

/** A device after a decision that was not refused: it is registered. */
export const ofRegistered = (written: Written<Device>): Written<RegisteredDevice> => {
  const { state, revision, position } = written
  if (state.status === 'unknown') throw new Error('an unknown device was written to')
  return { state, revision, position }
}
