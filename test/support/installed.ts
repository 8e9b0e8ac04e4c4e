import { execFileSync } from 'node:child_process'

/** Whether a program is there and does what it is asked; says so where it is not, so that a test that needs it does not pass unseen. */
export const isInstalled = (what: string, program: string, args: readonly string[]): boolean => {
  try {
    execFileSync(program, args, { stdio: 'ignore', timeout: 20_000 })
    return true
  } catch (error) {
    // Some end with a code of their own when asked for help.
    if (typeof (error as { status?: unknown }).status === 'number' && args[0] !== '-c') return true
    console.log(`SKIPPED because it is missing: ${what} (${program})`)
    return false
  }
}
