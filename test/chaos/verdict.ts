/** The most kills of one run. */
export const killsMax = 1_000

/** Says what was found, and ends the process with 0 when nothing was, or when a control had to be caught and was. */
export const sayVerdict = (faults: readonly string[], control: boolean): void => {
  for (const fault of faults.slice(0, 20)) console.log(`FAULT  ${fault}`)
  const isCaught = faults.length > 0
  if (control) console.log(isCaught ? 'the control was caught' : 'the control was NOT caught')
  else console.log(isCaught ? `${faults.length} faults` : 'nothing was lost')
  process.exitCode = isCaught === control ? 0 : 1
}
