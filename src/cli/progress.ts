const lineEveryMs = 1_000

/** One line that changes on a terminal, at most a line a second elsewhere; nothing where JSON is wanted. */
export const createProgress = (json: boolean) => {
  const live = process.stderr.isTTY === true
  let saidAt = Number.NEGATIVE_INFINITY
  return {
    say: (text: string) => {
      const now = performance.now()
      if (json || (!live && now - saidAt < lineEveryMs * 0.9)) return
      saidAt = now
      process.stderr.write(live ? `\r\x1b[K${text}` : `${text}\n`)
    },
    end: () => {
      if (!json && live) process.stderr.write('\n')
    },
  }
}

const cells = 20

/** A bar with what is done, how fast, and how long it will take: `done` of `all` in `seconds`. */
export const barOf = (done: number, all: number, seconds: number): string => {
  const share = all === 0 ? 1 : Math.min(1, done / all)
  const full = Math.round(share * cells)
  const left = share > 0 ? (seconds / share) * (1 - share) : Number.NaN
  const rest = Number.isFinite(left) ? `${Math.ceil(left)} s left` : ''
  return `[${'#'.repeat(full)}${'-'.repeat(cells - full)}] ${Math.floor(share * 100)} %  ${rest}`
}
