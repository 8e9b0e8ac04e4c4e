const columnBytes = 16
const rowBytes = 128

const bytesIn = (value: unknown): number => {
  if (typeof value === 'string') return columnBytes + value.length
  // What is parsed takes about twice its text.
  if (typeof value === 'object' && value !== null) return 2 * JSON.stringify(value).length
  return columnBytes
}

/** About how many bytes of memory a row takes; one that is gone still has its id. */
export const bytesOf = (row: object | undefined): number => {
  if (!row) return rowBytes
  let bytes = rowBytes
  for (const value of Object.values(row)) bytes += bytesIn(value)
  return bytes
}
