import { parseArgs } from 'node:util'
import mqtt from 'mqtt'

// What the README's tour needs of mosquitto_pub and mosquitto_sub, for machines that have neither.
const [tool, ...rest] = process.argv.slice(2)
const { values } = parseArgs({
  args: rest,
  options: {
    h: { type: 'string', short: 'h', default: '127.0.0.1' },
    p: { type: 'string', short: 'p', default: '1883' },
    u: { type: 'string', short: 'u', default: '' },
    P: { type: 'string', short: 'P', default: '' },
    q: { type: 'string', short: 'q', default: '0' },
    t: { type: 'string', short: 't', default: '' },
    m: { type: 'string', short: 'm', default: '' },
  },
})
const client = mqtt.connect(`mqtt://${values.h}:${values.p}`, {
  username: values.u,
  password: values.P,
  reconnectPeriod: 0,
})
client.on('error', () => {
  console.error('Connection error: Connection Refused: not authorised.')
  console.error('Error: The connection was refused.')
  process.exit(5)
})
client.on('close', () => process.exit(tool === 'sub' ? 7 : 0))
client.on('connect', async () => {
  if (tool === 'sub') {
    await client.subscribeAsync(values.t, { qos: 1 })
    return
  }
  await client.publishAsync(values.t, values.m, { qos: values.q === '1' ? 1 : 0 })
  await client.endAsync()
})
