/** The value below which the share `q` of the values lies; `NaN` of nothing. Sorts in place. */
export const quantile = (values: number[], q: number): number => {
  values.sort((a, b) => a - b)
  return values[Math.min(values.length - 1, Math.floor(values.length * q))] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile([...values], 0.5)

/** With as many digits as mean something. */
export const shown = (value: number): string => {
  if (!Number.isFinite(value)) return '–'
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(value >= 10 ? 1 : 2)
}

/** A table with aligned columns; numbers are shown with as many digits as mean something. */
export const table = (rows: readonly (readonly (string | number)[])[]): string => {
  const cells = rows.map((row) =>
    row.map((cell) => (typeof cell === 'number' ? shown(cell) : cell)),
  )
  const widths = (cells[0] ?? []).map((_, i) =>
    Math.max(...cells.map((row) => row[i]?.length ?? 0)),
  )
  return cells
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  '),
    )
    .join('\n')
}
