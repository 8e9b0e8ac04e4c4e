/** Where a command writes; a test hands in its own. */
export type Output = {
  readonly line: (text: string) => void
  readonly json: boolean
}

/** One JSON document, or lines for a person. */
export const show = (output: Output, value: unknown, lines: () => readonly string[]): void => {
  if (output.json) output.line(JSON.stringify(value))
  else for (const text of lines()) output.line(text)
}

const cellOf = (value: unknown): string => {
  if (value === null || value === undefined) return '–'
  if (Array.isArray(value)) return value.join(',')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Aligned columns under a head; without rows, a sentence. */
export const table = (
  columns: readonly string[],
  rows: readonly Readonly<Record<string, unknown>>[],
  empty: string,
): readonly string[] => {
  if (rows.length === 0) return [empty]
  const cells = [columns, ...rows.map((row) => columns.map((column) => cellOf(row[column])))]
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)))
  return cells.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** A record, a member a line. */
export const record = (value: Readonly<Record<string, unknown>>): readonly string[] => {
  const width = Math.max(...Object.keys(value).map((key) => key.length))
  return Object.entries(value).map(([key, member]) => `${key.padEnd(width)}  ${cellOf(member)}`)
}
