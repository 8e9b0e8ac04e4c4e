import type { Config } from './config.ts'
import { addressText } from './config-parsers.ts'
import { StartRefused } from './main-first-start.ts'
import { SchemaTooNew } from './projecting/migrate.ts'
import { ReaderRoleMissing } from './projecting/row-security.ts'

/** A taken port names itself and its variable. */
export const explained = (error: unknown, config: Config): unknown => {
  if (error instanceof SchemaTooNew || error instanceof ReaderRoleMissing)
    return new StartRefused(error.message, { cause: error })
  const { code, port } = error as { code?: string; port?: number }
  if (code !== 'EADDRINUSE' && code !== 'EACCES' && code !== 'EADDRNOTAVAIL') return error
  const { http, mqtt, mqtts, mqttWs } = config
  const ways = { LAPEL_HTTP: http, LAPEL_MQTTS: mqtts, LAPEL_MQTT_WS: mqttWs }
  const [variable, address = mqtt] = Object.entries(ways).find(([, one]) => one?.port === port) ?? [
    'LAPEL_MQTT',
  ]
  const why =
    code === 'EADDRINUSE' ? 'is taken by another program' : `cannot be listened on (${code})`
  return new StartRefused(
    `${addressText(address)} (${variable}) ${why}: free it, or set ${variable} to another host:port`,
  )
}
