import type { BoundDevice, ServedLapel } from '../support/served-lapel.ts'

/** What was seen, and whether that is within the bound. */
export type Measured = { readonly value: string; readonly held: boolean }

/** A broker under attack: Lapel, or a stock one to see that the attack is one. */
export type Target = {
  readonly port: number
  readonly pid: number
  /** Credentials that it takes. */
  readonly device: () => Promise<BoundDevice>
  /** What messages wait for stands still until the returned function is called. */
  readonly stall: () => Promise<() => void>
}

export type Row<On extends Target = Target> = {
  readonly attack: string
  readonly bound: string
  readonly measure: (target: On) => Promise<Measured>
}

export type LapelTarget = Target & { readonly lapel: ServedLapel }

/** A number held against the most that it may be. */
export const atMost = (value: number, limit: number, unit: string): Measured => ({
  value: `${Math.round(value * 10) / 10} ${unit}`.trim(),
  held: value <= limit,
})
