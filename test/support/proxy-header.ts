/** The header of a balancer (PROXY protocol, version 2): PROXY over TCP and IPv4, unless told otherwise. */
export const proxyHeader = ({
  command = 0x21,
  family = 0x11,
  rest,
}: {
  readonly command?: number
  readonly family?: number
  readonly rest: Buffer
}): Buffer => {
  const head = Buffer.from('\r\n\r\n\0\r\nQUIT\n????', 'latin1')
  head[12] = command
  head[13] = family
  head.writeUInt16BE(rest.length, 14)
  return Buffer.concat([head, rest])
}

/** Of a sender at that IPv4 address. */
export const proxied = (address: string): Buffer =>
  proxyHeader({
    rest: Buffer.from([...address.split('.').map(Number), 127, 0, 0, 1, 0, 80, 4, 95]),
  })
