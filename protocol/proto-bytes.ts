/** How many bytes a whole number from 0 to 2^53 − 1 takes as a varint. */
export const varintBytes = (value: number): number => {
  let bytes = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes += 1
  return bytes
}

/** What a length-delimited field of so many bytes takes with its tag and its length, of fields below 16. */
export const fieldBytes = (length: number): number => 1 + varintBytes(length) + length
/** The same of bytes; an empty field is not written. */
export const blobBytes = ({ length }: Uint8Array): number => (length === 0 ? 0 : fieldBytes(length))
/** The same of a number field; 0 is not written. */
export const numberBytes = (value: number): number => (value === 0 ? 0 : 1 + varintBytes(value))

/** Field number and wire type 2 (length-delimited), of fields below 16: one byte. */
export const lengthTag = (field: number): number => field * 8 + 2
/** Field number and wire type 0 (varint), of fields below 16: one byte. */
export const varintTag = (field: number): number => field * 8

/** Writes protobuf into a buffer of known size. */
export class ProtoWriter {
  readonly bytes: Buffer
  #at = 0

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size)
  }

  varint(value: number): void {
    let rest = value
    for (; rest >= 128; rest = Math.floor(rest / 128)) {
      this.bytes[this.#at] = (rest % 128) + 128
      this.#at += 1
    }
    this.bytes[this.#at] = rest
    this.#at += 1
  }

  /** A number field; 0 is not written. */
  number(field: number, value: number): void {
    if (value === 0) return
    this.varint(varintTag(field))
    this.varint(value)
  }

  /** Begins a length-delimited field. */
  open(field: number, length: number): void {
    this.varint(lengthTag(field))
    this.varint(length)
  }

  text(field: number, value: string, length: number): void {
    this.open(field, length)
    this.bytes.write(value, this.#at, length, 'utf8')
    this.#at += length
  }

  raw(value: Uint8Array): void {
    this.bytes.set(value, this.#at)
    this.#at += value.length
  }

  /** A field of bytes; an empty one is not written. */
  blob(field: number, value: Uint8Array): void {
    if (value.length === 0) return
    this.open(field, value.length)
    this.raw(value)
  }
}

const tooLong = 'A number is longer than 10 bytes.'

/** Reads protobuf out of a part of a buffer; what it hands out are views of it, not copies. Throws where it ends too soon. */
export class ProtoReader {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number
  field = 0
  #wire = 0

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#at = at
    this.#end = end
  }

  /** Goes to the next field; false at the end. */
  next(): boolean {
    if (this.#at >= this.#end) return false
    const tag = this.varint()
    this.field = Math.floor(tag / 8)
    this.#wire = tag % 8
    if (this.field === 0) throw new Error('A field has number 0.')
    return true
  }

  /** Past 2^53 the last digits are lost. */
  varint(): number {
    let value = 0
    for (let scale = 1, i = 0; i < 10; scale *= 128, i += 1) {
      const byte = this.#byte()
      value += (byte % 128) * scale
      if (byte < 128) return value
    }
    throw new Error(tooLong)
  }

  /** All 64 bits of it. */
  varint64(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte()
      value += BigInt(byte % 128) << shift
      if (byte < 128) return BigInt.asUintN(64, value)
    }
    throw new Error(tooLong)
  }

  #byte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined || this.#at >= this.#end) throw new Error('A number is cut off.')
    this.#at += 1
    return byte
  }

  /** The value of a length-delimited field: where it stands. */
  #span(): { readonly from: number; readonly to: number } {
    if (this.#wire !== 2) throw new Error(`Field ${this.field} is of another kind.`)
    return this.#take(this.varint())
  }

  #take(length: number): { readonly from: number; readonly to: number } {
    const from = this.#at
    const to = from + length
    if (to > this.#end) throw new Error(`Field ${this.field} is cut off.`)
    this.#at = to
    return { from, to }
  }

  view(): Buffer {
    const { from, to } = this.#span()
    return this.#bytes.subarray(from, to)
  }

  text(): string {
    const { from, to } = this.#span()
    return this.#bytes.toString('utf8', from, to)
  }

  message(): ProtoReader {
    const { from, to } = this.#span()
    return new ProtoReader(this.#bytes, from, to)
  }

  skip(): void {
    if (this.#wire === 0) this.varint()
    else if (this.#wire === 1) this.#take(8)
    else if (this.#wire === 2) this.#span()
    else if (this.#wire === 5) this.#take(4)
    else throw new Error(`Field ${this.field} has the unknown wire type ${this.#wire}.`)
  }
}
