import { type RunningLapel, startLapelProcess } from './lapel.ts'

export type BoundDevice = { readonly id: string; readonly token: string; readonly endUser: string }

export type ServedLapel = RunningLapel & {
  readonly key: string
  readonly api: (route: string, body?: unknown) => ReturnType<RunningLapel['call']>
  readonly boundDevice: () => Promise<BoundDevice>
}

let serial = 0

/** A running Lapel with a test key, and devices for the asking. */
export const serveLapel = async (
  env: Readonly<Record<string, string>> = {},
): Promise<ServedLapel> => {
  const lapel = await startLapelProcess(env)
  const { key } = (await lapel.cli('keys', 'create', '--mode', 'test')) as { key: string }
  const api = (route: string, body?: unknown) => lapel.call(key, route, body)
  return {
    ...lapel,
    key,
    api,
    boundDevice: async () => {
      const person = await api('POST /v1/end-users', { name: 'Ada' })
      const device = await api('POST /v1/devices', { serial_number: `S-${serial++}`, model: 'pin' })
      const [id, endUser] = [String(device.body['id']), String(person.body['id'])]
      const bound = await api(`POST /v1/devices/${id}/bind`, { end_user_id: endUser })
      return { id, endUser, token: String(bound.body['device_token']) }
    },
  }
}
