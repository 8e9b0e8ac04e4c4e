import { readFileSync } from 'node:fs'

const isZombie = (pid: number) => {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/s, '').startsWith(' Z')
  } catch {
    return false
  }
}

/** Whether that process runs. A zombie, kept where nobody reaps orphans, does not. */
export const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return !isZombie(pid)
  } catch {
    return false
  }
}
