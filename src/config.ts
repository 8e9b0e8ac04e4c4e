import { join, resolve } from 'node:path'
import { type Address, addressText } from './config-parsers.ts'
import {
  acceptedTable,
  knownElsewhere,
  type logLevels,
  type Setting,
  table,
  unsupported,
} from './config-table.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** What is in force, frozen. An `undefined` URL means: the embedded one. */
export type Config = {
  /** Absolute. */
  readonly dataDir: string
  /** Absolute. */
  readonly secretsFile: string
  readonly http: Address
  readonly mqtt: Address
  /** Without a slash at its end; undefined: the address on which HTTP listens. */
  readonly publicUrl: string | undefined
  readonly eventStoreUrl: string | undefined
  readonly databaseUrl: string | undefined
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
  readonly note?: string
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

const unsupportedFaults = (env: Environment): ConfigFault[] =>
  unsupported.flatMap(({ variable, allowed, example }) => {
    const text = given(env, variable)
    if (text === undefined || text === allowed) return []
    return [{ variable, problem: 'is not supported by this version', example }]
  })

const sameListener = ({ http, mqtt }: Partial<Values>): ConfigFault[] => {
  if (!http || !mqtt || http.port === 0 || addressText(http) !== addressText(mqtt)) return []
  const problem = `is the address of LAPEL_HTTP, too: ${addressText(mqtt)}`
  return [{ variable: 'LAPEL_MQTT', problem, example: table.mqtt.example }]
}

// Kubernetes puts LAPEL_SERVICE_HOST, LAPEL_PORT_8080_TCP … beside a service of that name.
const fromKubernetes = /^LAPEL(_[A-Z0-9]+)*_(SERVICE_|PORT)/

const unknownVariables = (env: Environment): string[] => {
  const known = new Set([
    ...Object.values(table).map(({ variable }) => variable),
    ...unsupported.map(({ variable }) => variable),
    ...knownElsewhere,
  ])
  return Object.keys(env).filter(
    (name) => name.startsWith('LAPEL_') && !known.has(name) && !fromKubernetes.test(name),
  )
}

const describe = (env: Environment, setting: Setting<unknown>, note?: string): DescribedValue => {
  const text = given(env, setting.variable)
  const shown = text ?? setting.fallback
  return {
    variable: setting.variable,
    value: shown === undefined ? (setting.without ?? '') : (setting.mask?.(shown) ?? shown),
    from: text === undefined ? 'default' : 'environment',
    ...(note === undefined || text === undefined ? {} : { note }),
  }
}

/**
 * The environment as configuration, or everything that is wrong with it at once.
 * `cwd` is what relative paths are relative to.
 */
export const loadConfig = (env: Environment, cwd: string): LoadedConfig => {
  const { faults, values } = readTable(env)
  const all = [...faults, ...sameListener(values), ...unsupportedFaults(env)]
  if (all.length > 0) return { kind: 'faults', faults: all }
  const dataDir = resolve(cwd, values.dataDir)
  const config: Config = {
    dataDir,
    secretsFile: values.secretsFile
      ? resolve(cwd, values.secretsFile)
      : join(dataDir, 'secrets.json'),
    http: Object.freeze(values.http),
    mqtt: Object.freeze(values.mqtt),
    publicUrl: values.publicUrl,
    eventStoreUrl: values.eventStoreUrl,
    databaseUrl: values.databaseUrl,
    pgBinDir: values.pgBinDir,
    rates: Object.freeze({
      key: values.rateKey,
      device: values.rateDevice,
      project: values.rateProject,
    }),
    tokenGraceSeconds: values.tokenGraceSeconds,
    onlineWindowSeconds: values.onlineWindowSeconds,
    heartbeatDays: values.heartbeatDays,
    log: values.log,
    described: Object.freeze([
      ...Object.values(table).map((setting) => describe(env, setting)),
      ...acceptedTable.map((setting) => describe(env, setting, 'not used by this version')),
    ]),
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
