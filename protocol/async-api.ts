import { z } from 'zod'
import type { Json, Message } from './async-api-message.ts'
import { recordingMessages } from './async-api-recordings.ts'
import { downErrorSchema, downTimeSchema } from './down-payloads.ts'
import { bootMessage, heartbeatMessage } from './payloads.ts'

/** What is served: each message with the schema that validates it, or that what is sent is made of. */
export const describedMessages: readonly Message[] = [
  {
    name: 'heartbeat',
    path: 'heartbeat',
    action: 'receive',
    qos: 1,
    summary: 'How a device is. PUBACK means that it is stored.',
    schema: heartbeatMessage,
    example: { boot: 7, seq: 41, at: 1785680000000, battery_percent: 81, flags: 0 },
  },
  {
    name: 'boot',
    path: 'boot',
    action: 'receive',
    qos: 1,
    summary: 'A power-on. Answered with the time.',
    schema: bootMessage,
    example: { boot: 7, seq: 1, firmware_version: '1.4.2', reset_reason: 'power_on' },
  },
  {
    name: 'time',
    path: 'down/time',
    action: 'send',
    qos: 0,
    summary: "The server's clock, on the subscription and on every boot.",
    schema: downTimeSchema,
    example: { now: '2026-08-02T12:00:00.000Z' },
  },
  {
    name: 'error',
    path: 'down/errors',
    action: 'send',
    qos: 1,
    summary: 'What was wrong with a message. It was acknowledged all the same.',
    schema: downErrorSchema,
    example: {
      code: 'validation_failed',
      message: 'Too big: expected number to be <=100',
      topic: 'v1/devices/me/heartbeat',
      field: 'battery_percent',
      boot: 7,
      seq: 42,
      fatal: true,
    },
  },
  ...recordingMessages,
]

const encodings = [
  { suffix: '', path: '', contentType: 'application/json' },
  { suffix: 'Cbor', path: '/cbor', contentType: 'application/cbor' },
] as const

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'throw' }) as Json
  // Unknown members are ignored.
  return { ...rest, additionalProperties: true }
}

const capital = (name: string): string => name.slice(0, 1).toUpperCase() + name.slice(1)

const device = {
  description: "`me`, or the session's own device id (`dev_…`); any other closes the connection.",
  default: 'me',
}

const recording = {
  description: 'The UUID that the device gave it, or the `rec_…` id that follows from it.',
}

const describe = (message: Message) =>
  encodings.map(({ suffix, path, contentType }) => {
    const { action, qos, summary, example } = message
    const name = `${message.name}${suffix}`
    return {
      channel: {
        [name]: {
          address: `v1/devices/{device}/${message.path}${path}`,
          parameters: { device, ...(message.path.includes('{recording}') && { recording }) },
          messages: { [name]: { $ref: `#/components/messages/${name}` } },
        },
      },
      operation: {
        [`${action}${capital(name)}`]: {
          action,
          summary,
          channel: { $ref: `#/channels/${name}` },
          messages: [{ $ref: `#/channels/${name}/messages/${name}` }],
          bindings: { mqtt: { qos, retain: false, bindingVersion: '0.2.0' } },
        },
      },
      message: {
        [name]: {
          name,
          summary,
          contentType,
          payload: { $ref: `#/components/schemas/${message.name}` },
          // JSON cannot show CBOR's bytes.
          ...(suffix === '' && { examples: [{ name, payload: example }] }),
        },
      },
    }
  })

/** AsyncAPI 3.1 of the messages that are served, made of the schemas that validate. */
export const asyncApiDocument = (): Json => {
  const described = describedMessages.flatMap(describe)
  const schemas = describedMessages.map(({ name, schema, action }) => [
    name,
    schemaOf(schema, action === 'receive' ? 'input' : 'output'),
  ])
  return {
    asyncapi: '3.1.0',
    info: {
      title: 'Lapel for devices',
      version: '1',
      description:
        'MQTT 3.1.1. The password is the device token, the user name is not read; every session is clean. Payloads are JSON, or CBOR ' +
        'under the same topic with `/cbor` behind it.',
      license: { name: 'Apache 2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      node: {
        host: 'localhost:1883',
        protocol: 'mqtt',
        protocolVersion: '3.1.1',
        description: 'A node as it starts by itself; with TLS: mqtts, port 8883.',
        security: [{ $ref: '#/components/securitySchemes/deviceToken' }],
      },
    },
    channels: Object.assign({}, ...described.map(({ channel }) => channel)),
    operations: Object.assign({}, ...described.map(({ operation }) => operation)),
    components: {
      messages: Object.assign({}, ...described.map(({ message }) => message)),
      schemas: Object.fromEntries(schemas),
      securitySchemes: {
        deviceToken: { type: 'userPassword', description: 'The password is a `dtok_…` token.' },
      },
    },
  }
}
