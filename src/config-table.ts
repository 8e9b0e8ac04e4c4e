import {
  heartbeatDaysMax,
  incompleteDaysMax,
  onlineWindowSecondsMax,
  ratePerSecondMax,
  tokenGraceSecondsMax,
} from '../protocol/limits.ts'
import { chunkDaysMax } from '../protocol/limits-recordings.ts'
import {
  maskUrl,
  type Parsed,
  parseAddress,
  parseBearer,
  parseBucket,
  parseDatabaseUrl,
  parseEventStoreUrl,
  parseOneOf,
  parseOrigin,
  parseRegion,
  parseText,
  parseWebUrl,
  parseWhole,
} from './config-parsers.ts'

/** A variable of the environment: how its text is read, what stands without it, how it may be shown. */
export type Setting<T> = {
  readonly variable: string
  readonly example: string
  readonly parse: (text: string) => Parsed<T>
  /** What is read when the variable is not set; undefined: the value is undefined then. */
  readonly fallback?: string
  /** What is shown when it is not set and has no text of its own to show. */
  readonly without?: string
  readonly mask?: (text: string) => string
}

type Defaulted<T> = Setting<T> & { readonly fallback: string }

const hide = () => '***'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

const defaulted = <T>(setting: Defaulted<T>): Defaulted<T> => setting

const rate = (variable: string, fallback: string) =>
  defaulted({ variable, example: fallback, fallback, parse: parseWhole(0, ratePerSecondMax) })

export const table = {
  dataDir: defaulted({
    variable: 'LAPEL_DATA',
    example: './data',
    fallback: './data',
    parse: parseText,
  }),
  secretsFile: {
    variable: 'LAPEL_SECRETS',
    example: '/etc/lapel/secrets.json',
    parse: parseText,
    without: '$LAPEL_DATA/secrets.json',
  },
  http: defaulted({
    variable: 'LAPEL_HTTP',
    example: '127.0.0.1:8080',
    fallback: '127.0.0.1:8080',
    parse: parseAddress,
  }),
  mqtt: defaulted({
    variable: 'LAPEL_MQTT',
    example: '127.0.0.1:1883',
    fallback: '127.0.0.1:1883',
    parse: parseAddress,
  }),
  mqtts: {
    variable: 'LAPEL_MQTTS',
    example: '0.0.0.0:8883',
    parse: parseAddress,
    without: 'off',
  },
  mqttWs: {
    variable: 'LAPEL_MQTT_WS',
    example: '127.0.0.1:8083',
    parse: parseAddress,
    without: 'off',
  },
  tlsCert: {
    variable: 'LAPEL_TLS_CERT',
    example: '/etc/lapel/tls.crt',
    parse: parseText,
    without: 'off',
  },
  tlsKey: {
    variable: 'LAPEL_TLS_KEY',
    example: '/etc/lapel/tls.key',
    parse: parseText,
    without: 'off',
  },
  proxyProtocol: defaulted({
    variable: 'LAPEL_PROXY_PROTOCOL',
    example: 'v2',
    fallback: 'off',
    parse: parseOneOf(['off', 'v2']),
  }),
  publicUrl: {
    variable: 'LAPEL_PUBLIC_URL',
    example: 'https://api.example.com',
    parse: parseWebUrl,
    without: 'the HTTP address',
  },
  eventStoreUrl: {
    variable: 'EVENTSTORE_URL',
    example: 'esdb://127.0.0.1:2113?tls=false',
    parse: parseEventStoreUrl,
    without: 'embedded',
    mask: maskUrl,
  },
  databaseUrl: {
    variable: 'DATABASE_URL',
    example: 'postgres://lapel:password@127.0.0.1:5432/lapel',
    parse: parseDatabaseUrl,
    without: 'embedded',
    mask: maskUrl,
  },
  pgBinDir: {
    variable: 'PG_BIN_DIR',
    example: '/usr/lib/postgresql/18/bin',
    parse: parseText,
    without: 'the npm package',
  },
  s3Endpoint: {
    variable: 'S3_ENDPOINT',
    example: 'https://s3.eu-central-1.amazonaws.com',
    parse: parseOrigin,
    without: 'embedded',
  },
  s3PublicEndpoint: {
    variable: 'S3_PUBLIC_ENDPOINT',
    example: 'https://objects.example.com',
    parse: parseOrigin,
    without: 'the endpoint',
  },
  s3Bucket: defaulted({
    variable: 'S3_BUCKET',
    example: 'lapel',
    fallback: 'lapel',
    parse: parseBucket,
  }),
  s3Region: defaulted({
    variable: 'S3_REGION',
    example: 'eu-central-1',
    fallback: 'us-east-1',
    parse: parseRegion,
  }),
  s3AccessKeyId: {
    variable: 'S3_ACCESS_KEY_ID',
    example: 'AKIA…',
    parse: parseText,
    without: 'embedded',
    mask: hide,
  },
  s3SecretAccessKey: {
    variable: 'S3_SECRET_ACCESS_KEY',
    example: 'the key that belongs to S3_ACCESS_KEY_ID',
    parse: parseText,
    without: 'embedded',
    mask: hide,
  },
  s3EventsToken: {
    variable: 'S3_EVENTS_TOKEN',
    example: 'what `openssl rand -hex 32` prints',
    parse: parseBearer,
    without: 'made',
    mask: hide,
  },
  rateKey: rate('LAPEL_RATE_KEY', '1000'),
  rateDevice: rate('LAPEL_RATE_DEVICE', '50'),
  rateProject: rate('LAPEL_RATE_PROJECT', '0'),
  tokenGraceSeconds: defaulted({
    variable: 'LAPEL_TOKEN_GRACE_SECONDS',
    example: '86400',
    fallback: '86400',
    parse: parseWhole(0, tokenGraceSecondsMax),
  }),
  onlineWindowSeconds: defaulted({
    variable: 'LAPEL_ONLINE_WINDOW_SECONDS',
    example: '900',
    fallback: '900',
    parse: parseWhole(1, onlineWindowSecondsMax),
  }),
  heartbeatDays: defaulted({
    variable: 'LAPEL_HEARTBEAT_DAYS',
    example: '30',
    fallback: '30',
    parse: parseWhole(1, heartbeatDaysMax),
  }),
  incompleteDays: defaulted({
    variable: 'LAPEL_INCOMPLETE_DAYS',
    example: '7',
    fallback: '7',
    parse: parseWhole(1, incompleteDaysMax),
  }),
  chunkDays: defaulted({
    variable: 'LAPEL_CHUNK_DAYS',
    example: '7',
    fallback: '7',
    parse: parseWhole(0, chunkDaysMax),
  }),
  log: defaulted({
    variable: 'LAPEL_LOG',
    example: 'info',
    fallback: 'info',
    parse: parseOneOf(logLevels),
  }),
}

/** Read elsewhere: by the CLI and by the start under an older Node. */
export const knownElsewhere: readonly string[] = [
  'LAPEL_API_KEY',
  'LAPEL_NODE_REEXEC',
  'LAPEL_TEST_DATABASE_URL',
]
