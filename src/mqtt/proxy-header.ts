import { proxyHeaderBytesMax } from '../../protocol/limits.ts'

/** What a balancer says in front of a connection (PROXY protocol, version 2, section 2.2). */
export type ProxyHeader =
  /** `remote` is missing where the balancer speaks for itself, as its health checks do. */
  | { readonly kind: 'header'; readonly bytes: number; readonly remote: string | undefined }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'malformed' }

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const fixedBytes = 16
const commands = { local: 0x20, proxy: 0x21 } as const
const families = { tcp4: 0x11, tcp6: 0x21 } as const

const v4 = (bytes: Buffer): string => bytes.join('.')

const v6 = (bytes: Buffer): string =>
  Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16)).join(':')

/** The sender's address, at the beginning of what follows the fixed part; `undefined` where there is none of TCP. */
const remoteIn = (family: number, addresses: Buffer): string | undefined => {
  if (family === families.tcp4 && addresses.length >= 12) return v4(addresses.subarray(0, 4))
  if (family === families.tcp6 && addresses.length >= 36) return v6(addresses.subarray(0, 16))
  return undefined
}

/** The header at the beginning of a connection. Who sends none is not the balancer. */
export const parseProxyHeader = (bytes: Buffer): ProxyHeader => {
  const begun = Math.min(bytes.length, signature.length)
  if (!bytes.subarray(0, begun).equals(signature.subarray(0, begun))) return { kind: 'malformed' }
  if (bytes.length < fixedBytes) return { kind: 'incomplete' }
  const [command, family] = [bytes.readUInt8(12), bytes.readUInt8(13)]
  const end = fixedBytes + bytes.readUInt16BE(14)
  if (end > proxyHeaderBytesMax) return { kind: 'malformed' }
  if (command !== commands.local && command !== commands.proxy) return { kind: 'malformed' }
  if (bytes.length < end) return { kind: 'incomplete' }
  if (command === commands.local) return { kind: 'header', bytes: end, remote: undefined }
  const remote = remoteIn(family, bytes.subarray(fixedBytes, end))
  return remote === undefined ? { kind: 'malformed' } : { kind: 'header', bytes: end, remote }
}
