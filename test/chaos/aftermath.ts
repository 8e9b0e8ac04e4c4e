import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { loadSecrets } from '../../src/config-secrets.ts'
import { until } from '../support/until.ts'
import type { NodeUnderFire, Victim } from './node-under-fire.ts'

/** A file in the data folder: after so many milliseconds a recording that was finished ends with what there is. */
export const incompleteFile = 'chaos-incomplete-ms'

export const whenReady = (lapel: NodeUnderFire) =>
  until(lapel.isReady, { msMax: 120_000, what: 'a node that is ready again' })

/** So many kills at random moments. Two in a row may meet the same start; every third time all is left to come back first. */
export const killAgain = async (
  lapel: NodeUnderFire,
  kills: number,
  victims: readonly Victim[],
): Promise<void> => {
  for (let i = 0; i < kills; i += 1) {
    await delay(randomInt(300, 2_500))
    const victim = victims[randomInt(victims.length)] ?? 'node'
    await lapel.kill(victim)
    console.log(`${i + 1}/${kills} killed the ${victim}`)
    if (i % 3 === 2) await whenReady(lapel)
  }
  await whenReady(lapel)
}

export const secretsOf = async (lapel: NodeUnderFire) => {
  const loaded = await loadSecrets(join(lapel.data, 'secrets.json'))
  if (loaded.kind !== 'secrets') throw new Error(loaded.because)
  return loaded.secrets
}

type Rebuilt = { readonly projection: string; readonly equal: boolean }

export const rebuildFaults = async (lapel: NodeUnderFire) => {
  const rebuilt = await lapel.cli<readonly Rebuilt[]>('rebuild')
  console.log(`rebuilt from zero: ${rebuilt.map(({ projection }) => projection).join(', ')}`)
  const unequal = rebuilt.filter(({ equal }) => !equal)
  return unequal.map(
    ({ projection }) => `${projection}: rebuilt from zero it differs from the live one`,
  )
}
