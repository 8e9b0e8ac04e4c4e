import {
  blobBytes,
  fieldBytes,
  numberBytes,
  ProtoWriter,
  varintTag,
} from '../../../../protocol/proto-bytes.ts'
import { type StoredRow, storedTombstone } from '../stored.ts'
import { type UuidForm, uuidMessage } from '../wire.ts'

/** What is read at one place: an event, or a link with what it names (`undefined` when that is gone). */
export type ReadItem = {
  readonly row: StoredRow
  readonly link: boolean
  readonly target: StoredRow | undefined
}

// 2^63 − 1, the revision of a tombstone, as a varint.
const tombstoneVarint = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])
const uuidTextBytes = 36

/** A recorded event with the lengths of its parts, which stand before them in protobuf. */
type Measured = {
  readonly row: StoredRow
  readonly structuredId: Uint8Array | undefined
  readonly created: string
  readonly nameBytes: number
  readonly typeBytes: number
  readonly size: number
}

const contentTypeKey = 'content-type'
const createdKey = 'created'
const typeKey = 'type'

const entryBytes = (key: string, valueBytes: number): number =>
  fieldBytes(key.length) + fieldBytes(valueBytes)

const measure = (row: StoredRow, form: UuidForm): Measured => {
  const structuredId =
    form === 'string' ? undefined : uuidMessage(row.id, 'structured').serializeBinary()
  const nameBytes = Buffer.byteLength(row.stream)
  const typeBytes = Buffer.byteLength(row.type)
  // .NET ticks, of which 10,000 are a millisecond.
  const created = `${row.createdMs}0000`
  const revisionBytes =
    row.revision === storedTombstone ? 1 + tombstoneVarint.length : numberBytes(row.revision)
  const size =
    fieldBytes(structuredId?.length ?? fieldBytes(uuidTextBytes)) +
    fieldBytes(fieldBytes(nameBytes)) +
    revisionBytes +
    2 * numberBytes(row.position) +
    fieldBytes(entryBytes(contentTypeKey, row.contentType.length)) +
    fieldBytes(entryBytes(createdKey, created.length)) +
    fieldBytes(entryBytes(typeKey, typeBytes)) +
    blobBytes(row.metadata) +
    blobBytes(row.data)
  return { row, structuredId, created, nameBytes, typeBytes, size }
}

const writeEntry = (writer: ProtoWriter, key: string, value: string, valueBytes: number): void => {
  writer.open(6, entryBytes(key, valueBytes))
  writer.text(1, key, key.length)
  writer.text(2, value, valueBytes)
}

const writeId = (writer: ProtoWriter, { row, structuredId }: Measured): void => {
  if (structuredId) writer.blob(1, structuredId)
  else {
    writer.open(1, fieldBytes(uuidTextBytes))
    writer.text(2, row.id, uuidTextBytes)
  }
}

const writeRevision = (writer: ProtoWriter, revision: number): void => {
  if (revision === storedTombstone) {
    writer.varint(varintTag(3))
    writer.raw(tombstoneVarint)
  } else writer.number(3, revision)
}

const writeEvent = (writer: ProtoWriter, field: number, event: Measured): void => {
  const { row, created, nameBytes, typeBytes, size } = event
  writer.open(field, size)
  writeId(writer, event)
  writer.open(2, fieldBytes(nameBytes))
  writer.text(3, row.stream, nameBytes)
  writeRevision(writer, row.revision)
  writer.number(4, row.position)
  writer.number(5, row.position)
  // In the order of their keys, as the generated code has them.
  writeEntry(writer, contentTypeKey, row.contentType, row.contentType.length)
  writeEntry(writer, createdKey, created, created.length)
  writeEntry(writer, typeKey, row.type, typeBytes)
  writer.blob(7, row.metadata)
  writer.blob(8, row.data)
}

/** `ReadResp` with an event: the bytes that the generated classes would make, in one go and one buffer. */
export const encodeReadEvent = ({ row, link, target }: ReadItem, form: UuidForm): Buffer => {
  const shown = link ? target : row
  const event = shown && measure(shown, form)
  const linked = link ? measure(row, form) : undefined
  const size =
    (event ? fieldBytes(event.size) : 0) +
    (linked ? fieldBytes(linked.size) : 0) +
    numberBytes(row.position)
  const writer = new ProtoWriter(fieldBytes(size))
  writer.open(1, size)
  if (event) writeEvent(writer, 1, event)
  if (linked) writeEvent(writer, 2, linked)
  writer.number(3, row.position)
  return writer.bytes
}
