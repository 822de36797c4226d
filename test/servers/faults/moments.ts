import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { embedGroup } from '../../../src/core/consumer-groups.ts'
import { viewReleases } from '../../../src/core/release-chain.ts'
import { consumerLag } from '../../../src/roles/lag.ts'
import type { Scene } from './begin.ts'

/** What a process may be at: `building` a generation, `training` a model, `behind` with records, `asked` and yet to answer, or `idle`. */
const moments = ['building', 'training', 'behind', 'asked', 'idle'] as const
export type Moment = (typeof moments)[number]

/** What a process of the full crew is at now, seen from outside. */
export async function momentsOf({ crew, ledger, outside }: Scene, name: string): Promise<readonly Moment[]> {
  const { catalogue, log } = await outside()
  const { build, live } = viewReleases(catalogue.releases())
  const embeds = name.startsWith('embed')
  const groups = embeds ? [...live.keys()].map(embedGroup) : [name]
  const lag = (await consumerLag(log, catalogue)).filter(({ group }) => groups.includes(group))
  const trainings = await readdir(join(crew.folder(name), 'training')).catch(() => []) // there from the first training on
  const isAt: Record<Moment, boolean> = {
    building: build !== null && (embeds || name === 'release'),
    training: trainings.length > 0,
    behind: lag.some(({ records }) => records > 0),
    // The last to be looked at: a request is open for a moment only.
    asked: name === 'api' && ledger.open > 0,
    idle: false,
  }
  const met = moments.filter((moment) => isAt[moment])
  return met.length === 0 ? ['idle'] : met
}
