import type { Config } from './config.ts'
import { addressText } from './config-parsers.ts'
import { DataFolderRefused } from './embedded/data-folder.ts'
import { StartRefused } from './main-first-start.ts'
import { SchemaTooNew } from './projecting/migrate.ts'
import { ReaderRoleMissing } from './projecting/row-security.ts'

const sentences = [SchemaTooNew, ReaderRoleMissing, DataFolderRefused]

/** What says all there is to know is said as it stands; a taken port names itself and its variable. */
export const explained = (error: unknown, config: Config): unknown => {
  if (error instanceof Error && sentences.some((kind) => error instanceof kind))
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
