import { join, resolve } from 'node:path'
import { type Address, addressText } from './config-parsers.ts'
import { knownElsewhere, type logLevels, type Setting, table } from './config-table.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** What is in force, frozen. An `undefined` URL means: the embedded one. */
export type Config = {
  /** Absolute. */
  readonly dataDir: string
  /** Absolute. */
  readonly secretsFile: string
  readonly http: Address
  readonly mqtt: Address
  /** MQTT over TLS, and the files of its certificate (absolute). */
  readonly mqtts: (Address & { readonly certFile: string; readonly keyFile: string }) | undefined
  readonly mqttWs: Address | undefined
  /** Whether a balancer in front begins each MQTT connection with a PROXY header, version 2. */
  readonly isProxied: boolean
  /** Without a slash at its end; undefined: the address on which HTTP listens. */
  readonly publicUrl: string | undefined
  readonly eventStoreUrl: string | undefined
  readonly databaseUrl: string | undefined
  readonly s3: {
    /** Undefined: the embedded one, which makes its own keys. */
    readonly elsewhere:
      | {
          readonly endpoint: string
          readonly accessKeyId: string
          readonly secretAccessKey: string
        }
      | undefined
    /** The origin that pre-signed URLs name; undefined: where this process reaches the store. */
    readonly publicEndpoint: string | undefined
    readonly bucket: string
    readonly region: string
    /** Bearer of those who tell of new objects; undefined: made anew at each start. */
    readonly eventsToken: string | undefined
  }
  /** Folder of Postgres's programs, where no package fits. */
  readonly pgBinDir: string | undefined
  /** Per second; 0 = unlimited. */
  readonly rates: { readonly key: number; readonly device: number; readonly project: number }
  /** How long a refreshed token's predecessor goes on working, at most; 0: not at all. */
  readonly tokenGraceSeconds: number
  /** How long a sign of life over HTTP counts as online. */
  readonly onlineWindowSeconds: number
  /** How many days of heartbeats are kept, besides today. */
  readonly heartbeatDays: number
  /** After its finish a recording waits so long for its chunks. */
  readonly incompleteDays: number
  /** After it became one object the chunks of a recording are kept so long. */
  readonly chunkDays: number
  readonly log: (typeof logLevels)[number]
  /** For `lapel config`: no secret stands in it. */
  readonly described: readonly DescribedValue[]
  /** Variables named like ours that nobody reads: a slip of the pen, worth a warning. */
  readonly unknown: readonly string[]
}

export type DescribedValue = {
  readonly variable: string
  readonly value: string
  readonly from: 'default' | 'environment'
}

export type ConfigFault = {
  readonly variable: string
  readonly problem: string
  readonly example: string
}

export type LoadedConfig =
  | { readonly kind: 'config'; readonly config: Config }
  | { readonly kind: 'faults'; readonly faults: readonly ConfigFault[] }

type Table = typeof table
type Values = {
  readonly [Key in keyof Table]: Table[Key] extends Setting<infer T>
    ? Table[Key] extends { readonly fallback: string }
      ? T
      : T | undefined
    : never
}

/** The variable's text; an empty one counts as not set, as compose files write it. */
const given = (env: Environment, variable: string): string | undefined =>
  env[variable]?.trim() || undefined

const readTable = (env: Environment) => {
  const faults: ConfigFault[] = []
  const values: Record<string, unknown> = {}
  for (const [key, setting] of Object.entries<Setting<unknown>>(table)) {
    const text = given(env, setting.variable) ?? setting.fallback
    if (text === undefined) continue
    const parsed = setting.parse(text)
    if ('value' in parsed) values[key] = parsed.value
    else
      faults.push({
        variable: setting.variable,
        problem: `${quoted(setting, text)} ${parsed.problem}`,
        example: setting.example,
      })
  }
  return { faults, values: values as Values } // each value came from that key's own `parse`
}

/** A faulty value is shown only where it cannot be a secret. */
const quoted = ({ mask }: Setting<unknown>, text: string) =>
  mask === undefined ? JSON.stringify(text.slice(0, 200)) : 'what it holds'

const sameListener = (values: Partial<Values>): ConfigFault[] => {
  const taken = new Map<string, string>()
  return (['http', 'mqtt', 'mqtts', 'mqttWs'] as const).flatMap((key) => {
    const address = values[key]
    if (!address || address.port === 0) return []
    const text = addressText(address)
    const first = taken.get(text)
    const { variable, example } = table[key]
    if (first === undefined) taken.set(text, variable)
    return first === undefined
      ? []
      : [{ variable, problem: `is the address of ${first}, too: ${text}`, example }]
  })
}

/** What is of use only with the others of its kind: a TLS listener and its certificate, an object store and its keys. */
const together = [
  ['mqtts', 'tlsCert', 'tlsKey'],
  ['s3Endpoint', 's3AccessKeyId', 's3SecretAccessKey'],
] as const satisfies readonly (readonly (keyof Table)[])[]

const halves = (values: Partial<Values>): ConfigFault[] =>
  together.flatMap((keys: readonly (keyof Table)[]) => {
    const missing = keys.filter((key) => values[key] === undefined)
    if (missing.length === keys.length) return []
    const others = keys.filter((key) => values[key] !== undefined).map((key) => table[key].variable)
    return missing.map((key) => ({
      variable: table[key].variable,
      problem: `is needed beside ${others.join(' and ')}`,
      example: table[key].example,
    }))
  })

// Kubernetes puts LAPEL_SERVICE_HOST, LAPEL_PORT_8080_TCP … beside a service of that name.
const fromKubernetes = /^LAPEL(_[A-Z0-9]+)*_(SERVICE_|PORT)/

const unknownVariables = (env: Environment): string[] => {
  const known = new Set([
    ...Object.values(table).map(({ variable }) => variable),
    ...knownElsewhere,
  ])
  return Object.keys(env).filter(
    (name) => name.startsWith('LAPEL_') && !known.has(name) && !fromKubernetes.test(name),
  )
}

const describe = (env: Environment, setting: Setting<unknown>): DescribedValue => {
  const text = given(env, setting.variable)
  const shown = text ?? setting.fallback
  return {
    variable: setting.variable,
    value: shown === undefined ? (setting.without ?? '') : (setting.mask?.(shown) ?? shown),
    from: text === undefined ? 'default' : 'environment',
  }
}

const tlsListener = ({ mqtts, tlsCert, tlsKey }: Values, cwd: string): Config['mqtts'] =>
  mqtts && tlsCert !== undefined && tlsKey !== undefined
    ? { ...mqtts, certFile: resolve(cwd, tlsCert), keyFile: resolve(cwd, tlsKey) }
    : undefined

const objectStoreOf = (values: Values): Config['s3'] => {
  const { s3Endpoint: endpoint, s3AccessKeyId, s3SecretAccessKey } = values
  const isElsewhere =
    endpoint !== undefined && s3AccessKeyId !== undefined && s3SecretAccessKey !== undefined
  return {
    elsewhere: isElsewhere
      ? { endpoint, accessKeyId: s3AccessKeyId, secretAccessKey: s3SecretAccessKey }
      : undefined,
    publicEndpoint: values.s3PublicEndpoint,
    bucket: values.s3Bucket,
    region: values.s3Region,
    eventsToken: values.s3EventsToken,
  }
}

/**
 * The environment as configuration, or everything that is wrong with it at once.
 * `cwd` is what relative paths are relative to.
 */
export const loadConfig = (env: Environment, cwd: string): LoadedConfig => {
  const { faults, values } = readTable(env)
  const wrong = faults.map(({ variable }) => variable)
  const missing = halves(values).filter(({ variable }) => !wrong.includes(variable))
  const all = [...faults, ...sameListener(values), ...missing]
  if (all.length > 0) return { kind: 'faults', faults: all }
  const dataDir = resolve(cwd, values.dataDir)
  const config: Config = {
    dataDir,
    secretsFile: values.secretsFile
      ? resolve(cwd, values.secretsFile)
      : join(dataDir, 'secrets.json'),
    http: Object.freeze(values.http),
    mqtt: Object.freeze(values.mqtt),
    mqtts: Object.freeze(tlsListener(values, cwd)),
    mqttWs: Object.freeze(values.mqttWs),
    isProxied: values.proxyProtocol === 'v2',
    publicUrl: values.publicUrl,
    eventStoreUrl: values.eventStoreUrl,
    databaseUrl: values.databaseUrl,
    s3: Object.freeze(objectStoreOf(values)),
    pgBinDir: values.pgBinDir,
    rates: Object.freeze({
      key: values.rateKey,
      device: values.rateDevice,
      project: values.rateProject,
    }),
    tokenGraceSeconds: values.tokenGraceSeconds,
    onlineWindowSeconds: values.onlineWindowSeconds,
    heartbeatDays: values.heartbeatDays,
    incompleteDays: values.incompleteDays,
    chunkDays: values.chunkDays,
    log: values.log,
    described: Object.freeze(Object.values(table).map((setting) => describe(env, setting))),
    unknown: Object.freeze(unknownVariables(env)),
  }
  return { kind: 'config', config: Object.freeze(config) }
}

/** For `lapel config`: each value, where it came from, secrets masked. */
export const describeConfig = (config: Config): readonly DescribedValue[] => config.described

/** The faults as an operator reads them, one below the other. */
export const faultsText = (faults: readonly ConfigFault[]): string =>
  faults
    .map(({ variable, problem, example }) => `${variable}: ${problem} (example: ${example})`)
    .join('\n')
