import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'

export type TestDevice = {
  readonly client: MqttClient
  /** Resolves at the PUBACK. */
  readonly publish: (topic: string, payload: object | string | Buffer) => Promise<void>
  /** Resolves when the broker closed the connection. */
  readonly closed: Promise<void>
  readonly end: () => Promise<void>
}

/** A device on MQTT.js that does not come back by itself. Rejects with the CONNACK's refusal. */
export const connectDevice = (
  port: number,
  token: string,
  options: IClientOptions = {},
): Promise<TestDevice> =>
  new Promise((resolve, reject) => {
    const client = mqtt.connect({
      host: '127.0.0.1',
      port,
      protocol: 'mqtt',
      username: 'device',
      password: token,
      reconnectPeriod: 0,
      connectTimeout: 10_000,
      ...options,
    })
    const closed = new Promise<void>((over) => client.once('close', () => over()))
    client.once('error', reject)
    client.once('connect', () => {
      client.off('error', reject)
      client.on('error', () => {})
      resolve({
        client,
        closed,
        publish: async (topic, payload) => {
          const bytes =
            typeof payload === 'string' || Buffer.isBuffer(payload)
              ? payload
              : JSON.stringify(payload)
          await client.publishAsync(topic, bytes, { qos: 1 })
        },
        end: async () => {
          await client.endAsync(true)
        },
      })
    })
  })
