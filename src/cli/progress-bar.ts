const cells = 24

const clock = (seconds: number): string => {
  const whole = Math.max(0, Math.round(seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}

/** How far something is: `done` of `of`, after so many seconds, with so many things of which a rate is told. */
export type Progress = {
  readonly done: number
  readonly of: number
  readonly seconds: number
  readonly things: number
  /** What is done instead, where nobody can tell how long it takes. */
  readonly now?: string | undefined
}

const leftText = (seconds: number, fraction: number): string =>
  `${fraction > 0 ? clock((seconds / fraction) * (1 - fraction)) : '–'} left`

/** `[████········]  33 %  12,345 events/s  0:12 left` */
export const progressText = (progress: Progress, unit: string): string => {
  const { done, of, seconds, things } = progress
  const fraction = of > 0 ? Math.min(1, done / of) : 1
  const full = Math.floor(fraction * cells)
  const bar = `${'█'.repeat(full)}${'·'.repeat(cells - full)}`
  const percent = `${Math.floor(fraction * 100)}`.padStart(3)
  const rate = seconds > 0 ? Math.round(things / seconds) : 0
  const left = progress.now ?? leftText(seconds, fraction)
  return `[${bar}] ${percent} %  ${rate.toLocaleString('en')} ${unit}/s  ${left}`
}

/** A line that is written over, where somebody sees it; the text that clears it. */
export const overwriting = (text: string): string => `\r\u001b[2K${text}`
