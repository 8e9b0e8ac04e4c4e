import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  heartbeatDaysMax,
  onlineWindowSecondsMax,
  ratePerSecondMax,
  tokenGraceSecondsMax,
} from '../protocol/limits.ts'
import { type ConfigFault, describeConfig, faultsText, loadConfig } from '../src/config.ts'

const test = suite('config')

const load = (env: Record<string, string>) => {
  const loaded = loadConfig(env, '/srv')
  if (loaded.kind === 'faults') throw new Error(faultsText(loaded.faults))
  return loaded.config
}

const faultsOf = (env: Record<string, string>): readonly ConfigFault[] => {
  const loaded = loadConfig(env, '/srv')
  return loaded.kind === 'faults' ? loaded.faults : []
}

test('the defaults', () => {
  const { described, ...config } = load({})
  assert.equal(config, {
    dataDir: '/srv/data',
    secretsFile: '/srv/data/secrets.json',
    http: { host: '127.0.0.1', port: 8080 },
    mqtt: { host: '127.0.0.1', port: 1883 },
    publicUrl: undefined,
    eventStoreUrl: undefined,
    databaseUrl: undefined,
    pgBinDir: undefined,
    rates: { key: 1000, device: 50, project: 0 },
    tokenGraceSeconds: 86_400,
    onlineWindowSeconds: 900,
    heartbeatDays: 30,
    incompleteDays: 7,
    chunkDays: 7,
    log: 'info',
    unknown: [],
    mqtts: undefined,
    mqttWs: undefined,
    isProxied: false,
    s3: {
      elsewhere: undefined,
      publicEndpoint: undefined,
      bucket: 'lapel',
      region: 'us-east-1',
      eventsToken: undefined,
    },
  })
  assert.ok(described.every(({ from }) => from === 'default'))
})

const bounds = [
  ['LAPEL_RATE_KEY', 0, ratePerSecondMax],
  ['LAPEL_RATE_DEVICE', 0, ratePerSecondMax],
  ['LAPEL_RATE_PROJECT', 0, ratePerSecondMax],
  ['LAPEL_TOKEN_GRACE_SECONDS', 0, tokenGraceSecondsMax],
  ['LAPEL_ONLINE_WINDOW_SECONDS', 1, onlineWindowSecondsMax],
  ['LAPEL_HEARTBEAT_DAYS', 1, heartbeatDaysMax],
] as const

test('each number at its limits and one past them', () => {
  for (const [variable, least, most] of bounds) {
    const said = (value: number) =>
      faultsOf({ [variable]: String(value) }).map((one) => one.variable)
    assert.equal([said(least), said(most)], [[], []], variable)
    assert.equal([said(least - 1), said(most + 1)], [[variable], [variable]], variable)
  }
})

test('every variable is taken', () => {
  const config = load({
    LAPEL_DATA: '/var/lapel',
    LAPEL_SECRETS: 'secrets.json',
    LAPEL_HTTP: '0.0.0.0:80',
    LAPEL_MQTT: '[::1]:0',
    LAPEL_PUBLIC_URL: 'https://api.example.com/lapel/',
    EVENTSTORE_URL: 'esdb://admin:changeit@a:2113,b:2113?tls=true',
    DATABASE_URL: 'postgres://u:p@db/lapel',
    PG_BIN_DIR: '/usr/lib/postgresql/18/bin',
    LAPEL_RATE_KEY: '0',
    LAPEL_RATE_DEVICE: '1000000',
    LAPEL_RATE_PROJECT: '3',
    LAPEL_TOKEN_GRACE_SECONDS: '0',
    LAPEL_ONLINE_WINDOW_SECONDS: '1',
    LAPEL_HEARTBEAT_DAYS: '366',
    LAPEL_LOG: 'debug',
    LAPEL_PROXY_PROTOCOL: 'v2',
    LAPEL_MQTTS: '0.0.0.0:8883',
    LAPEL_MQTT_WS: '0.0.0.0:8083',
    LAPEL_TLS_CERT: 'tls.crt',
    LAPEL_TLS_KEY: '/keys/tls.key',
  })
  assert.is(config.dataDir, '/var/lapel')
  assert.is(config.secretsFile, '/srv/secrets.json')
  assert.equal(config.http, { host: '0.0.0.0', port: 80 })
  assert.equal(config.mqtt, { host: '::1', port: 0 })
  assert.equal(config.mqtts, {
    host: '0.0.0.0',
    port: 8883,
    certFile: '/srv/tls.crt',
    keyFile: '/keys/tls.key',
  })
  assert.equal(config.mqttWs, { host: '0.0.0.0', port: 8083 })
  assert.ok(config.isProxied)
  assert.is(config.publicUrl, 'https://api.example.com/lapel')
  assert.is(config.eventStoreUrl, 'esdb://admin:changeit@a:2113,b:2113?tls=true')
  assert.is(config.databaseUrl, 'postgres://u:p@db/lapel')
  assert.is(config.pgBinDir, '/usr/lib/postgresql/18/bin')
  assert.equal(config.rates, { key: 0, device: 1_000_000, project: 3 })
  assert.is(config.tokenGraceSeconds, 0)
  assert.is(config.onlineWindowSeconds, 1)
  assert.is(config.heartbeatDays, 366)
  assert.is(config.log, 'debug')
})

test('it is frozen', () => {
  const config = load({})
  assert.throws(() => Object.assign(config, { log: 'debug' }), /read only/)
  assert.throws(() => Object.assign(config.http, { port: 1 }), /read only/)
})

test('an empty variable counts as not set', () => {
  assert.is(load({ DATABASE_URL: '', LAPEL_HTTP: '  ' }).databaseUrl, undefined)
})

const wrong: Record<string, readonly string[]> = {
  LAPEL_HTTP: [
    '8080',
    ':8080',
    'host:',
    'host:65536',
    'host:-1',
    '::1:80',
    '[::g]:80',
    'a b:80',
    'http://a:80',
  ],
  LAPEL_MQTT: ['1883', '-:1', 'host:1e3', '127.0.0.1:8080'],
  LAPEL_PUBLIC_URL: ['api.example.com', 'ftp://a', 'https://u:p@a', 'https://a?b=c', 'https://a#b'],
  EVENTSTORE_URL: ['http://a:2113', 'esdb://', 'esdb://a:x', 'esdb://a:1,:2'],
  DATABASE_URL: ['mysql://a/b', 'postgres://a', 'postgres:///b', 'not a url'],
  LAPEL_RATE_KEY: ['-1', '1.5', '1e3', 'many', '1000001'],
  LAPEL_RATE_DEVICE: ['unlimited'],
  LAPEL_RATE_PROJECT: ['0x10'],
  LAPEL_TOKEN_GRACE_SECONDS: ['86401', '-1'],
  LAPEL_ONLINE_WINDOW_SECONDS: ['0', '86401'],
  LAPEL_HEARTBEAT_DAYS: ['0', '367'],
  LAPEL_LOG: ['verbose', 'INFO'],
  LAPEL_MQTTS: ['8883'],
  LAPEL_MQTT_WS: ['127.0.0.1', '127.0.0.1:1883'],
  LAPEL_PROXY_PROTOCOL: ['v1', 'on'],
  S3_ENDPOINT: ['s3.example.com', 'https://a/path', 'https://u:p@a', 'ftp://a'],
  S3_PUBLIC_ENDPOINT: ['a:9000', 'http://a/b'],
  S3_BUCKET: ['a', 'Lapel', 'a/b', 'b'.repeat(64)],
  S3_REGION: ['eu central', 'EU'],
  S3_EVENTS_TOKEN: ['short', 'with a blank in it', 'x'.repeat(257)],
}

for (const [variable, texts] of Object.entries(wrong))
  for (const text of texts)
    test(`${variable}=${text} is a fault with an example`, () => {
      const faults = faultsOf({ [variable]: text })
      assert.equal(
        faults.map((fault) => fault.variable),
        [variable],
      )
      assert.ok(faults.every(({ problem, example }) => problem.length > 5 && example.length > 0))
    })

const tls = {
  LAPEL_MQTTS: '127.0.0.1:0',
  LAPEL_TLS_CERT: '/etc/cert.pem',
  LAPEL_TLS_KEY: '/etc/key.pem',
}
const s3 = {
  S3_ENDPOINT: 'https://s3.example.com/',
  S3_ACCESS_KEY_ID: 'id',
  S3_SECRET_ACCESS_KEY: 'secret',
}

test('half of what TLS or an object store needs is a fault that names the other half', () => {
  for (const whole of [tls, s3])
    for (const missing of Object.keys(whole)) {
      const told = faultsOf({ ...whole, [missing]: '' })
      assert.equal(
        told.map(({ variable }) => variable),
        [missing],
      )
    }
  assert.ok(load(tls).mqtts)
})

test('the object store is the embedded one, or the one that is named', () => {
  assert.is(load({}).s3.elsewhere, undefined)
  const published = { S3_PUBLIC_ENDPOINT: 'https://objects.example.com' }
  assert.equal(load({ ...s3, ...published, S3_BUCKET: 'audio', S3_REGION: 'eu-1' }).s3, {
    elsewhere: { endpoint: 'https://s3.example.com', accessKeyId: 'id', secretAccessKey: 'secret' },
    publicEndpoint: 'https://objects.example.com',
    bucket: 'audio',
    region: 'eu-1',
    eventsToken: undefined,
  })
})

test('without a word about it there is neither TLS nor WebSocket nor a balancer', () => {
  const { mqtts, mqttWs, isProxied } = load({})
  assert.equal([mqtts, mqttWs, isProxied], [undefined, undefined, false])
})

test('all faults are told at once', () => {
  const env = Object.fromEntries(
    Object.entries(wrong).map(([name, texts]) => [name, texts[0] ?? '']),
  )
  const told = faultsOf(env)
  assert.equal(told.map(({ variable }) => variable).sort(), Object.keys(wrong).sort())
  assert.is(faultsText(told).split('\n').length, told.length)
  assert.match(
    faultsText(told),
    /^LAPEL_HTTP: "8080" is not host:port \(example: 127\.0\.0\.1:8080\)$/m,
  )
})

test('a fault never shows a value that may hold a password', () => {
  const told = faultsText(
    faultsOf({ DATABASE_URL: 'mysql://u:hunter2@a/b', EVENTSTORE_URL: 'http://u:hunter2@a' }),
  )
  assert.not.match(told, /hunter2/)
})

test('what `lapel config` shows: the value, where it came from, no secret', () => {
  const shown = describeConfig(
    load({
      DATABASE_URL: 'postgres://lapel:hunter2@db:5432/lapel?sslpassword=hunter3',
      EVENTSTORE_URL: 'esdb://admin:hunter2@es:2113',
      S3_ENDPOINT: 'https://s3.example.com',
      S3_SECRET_ACCESS_KEY: 'hunter2',
      S3_ACCESS_KEY_ID: 'hunter2',
      S3_EVENTS_TOKEN: 'hunter2hunter2hunter2',
      S3_BUCKET: 'lapel',
    }),
  )
  const of = (name: string) => shown.find(({ variable }) => variable === name)
  assert.not.match(JSON.stringify(shown), /hunter/)
  assert.equal(of('LAPEL_HTTP'), {
    variable: 'LAPEL_HTTP',
    value: '127.0.0.1:8080',
    from: 'default',
  })
  assert.equal(of('DATABASE_URL'), {
    variable: 'DATABASE_URL',
    value: 'postgres://lapel:***@db:5432/lapel?sslpassword=***',
    from: 'environment',
  })
  assert.is(of('EVENTSTORE_URL')?.value, 'esdb://admin:***@es:2113')
  assert.is(of('S3_BUCKET')?.value, 'lapel')
  assert.is(of('PG_BIN_DIR')?.value, 'the npm package')
})

test('a variable named like ours that nobody reads is told', () => {
  const config = load({
    LAPEL_HTPP: 'a',
    LAPEL_SERVICE_HOST: '10.0.0.1',
    LAPEL_PORT_8080_TCP_ADDR: '10.0.0.1',
    LAPEL_API_KEY: 'sk',
    PATH: '/bin',
  })
  assert.equal(config.unknown, ['LAPEL_HTPP'])
})

test.run()
