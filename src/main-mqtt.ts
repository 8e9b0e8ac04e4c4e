import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Kysely } from 'kysely'
import { readBootWindows } from '../projections/device-health.ts'
import type { Tables } from '../projections/tables.ts'
import { bootWindowReadsMax, bootWindowsPerReadMax, readGatherMs } from '../protocol/limits.ts'
import type { Config } from './config.ts'
import { addressText } from './config-parsers.ts'
import { StartRefused } from './main-first-start.ts'
import type { Broker, Ways } from './mqtt/broker.ts'
import type { BrokerDeps } from './mqtt/ports.ts'
import type { Certificate } from './mqtt/transports.ts'
import { gathered } from './store/gathered.ts'
import type { Log } from './store/log.ts'

const readPem = (variable: string, file: string): Promise<string> =>
  readFile(file, 'utf8').catch((error: unknown) => {
    throw new StartRefused(`${file} (${variable}) cannot be read: ${error}`, { cause: error })
  })

/** Throws `StartRefused` where a file cannot be read or the two do not fit. */
const readCertificate = async ({
  certFile,
  keyFile,
}: NonNullable<Config['mqtts']>): Promise<Certificate> => {
  const [cert, key] = [
    await readPem('LAPEL_TLS_CERT', certFile),
    await readPem('LAPEL_TLS_KEY', keyFile),
  ]
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    const files = `${certFile} (LAPEL_TLS_CERT) and ${keyFile} (LAPEL_TLS_KEY)`
    throw new StartRefused(`${files} make no certificate: ${error}`, { cause: error })
  }
  return { cert, key }
}

/** The broker's listeners as they are configured. */
export const mqttWays = async ({ mqtt, mqtts, mqttWs, isProxied }: Config): Promise<Ways> => ({
  tcp: mqtt,
  ...(mqtts && { tls: { ...mqtts, certificate: await readCertificate(mqtts) } }),
  ...(mqttWs && { webSocket: mqttWs }),
  isProxied,
})

/** A renewed certificate takes effect, a faulty one is said and changes nothing. */
export const reloadCertificate = async (
  { mqtts }: Config,
  broker: Pick<Broker, 'reload'>,
  log: Log,
): Promise<void> => {
  if (!mqtts) return
  try {
    broker.reload(await readCertificate(mqtts))
    log.info({ certFile: mqtts.certFile }, 'the certificate was read anew')
  } catch (error) {
    log.error({ error }, 'the certificate could not be read anew: the one before stays')
  }
}

/** Where each listener of the broker can be reached, as `node.json` names them. */
export const mqttAddresses = ({ mqtt, mqtts, mqttWs }: Config, broker: Broker) => {
  const at = (scheme: string, host: string, port: number): string =>
    `${scheme}://${addressText({ host, port })}`
  const { port, tlsPort, webSocketPort } = broker
  return {
    mqtt: at('mqtt', mqtt.host, port),
    mqtts: mqtts && tlsPort !== undefined ? at('mqtts', mqtts.host, tlsPort) : null,
    mqtt_ws: mqttWs && webSocketPort !== undefined ? at('ws', mqttWs.host, webSocketPort) : null,
  }
}

/** A fleet that comes back asks for thousands at once. */
export const bootWindows = (db: Kysely<Tables>): BrokerDeps['readWindow'] => {
  const read = gathered((ids: readonly string[]) => readBootWindows(db, ids), {
    readsMax: bootWindowReadsMax,
    keysMax: bootWindowsPerReadMax,
    gapMs: readGatherMs,
  })
  return (device) => read(device).catch(() => undefined)
}
