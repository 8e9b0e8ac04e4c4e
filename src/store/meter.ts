/** Where a part of Lapel counts what it does. Names are those of the metrics page without the `lapel_` prefix. */
export type Meter = {
  readonly count: (name: string, by?: number) => void
  readonly observe: (name: string, value: number) => void
}
