import { embedGroup } from '../core/consumer-groups.ts'
import { AppError } from '../core/errors.ts'
import { viewReleases } from '../core/release-chain.ts'
import type { Services } from './services.ts'

type ReplayedPartition = {
  readonly partition: number
  /** The next offset before and after. */
  readonly was: number
  readonly now: number
  /** How many offsets lie between `now` and the end: what the group reads again, and what it had not read before. */
  readonly ahead: number
}

export type GenerationReplay = {
  readonly generation: string
  readonly group: string
  readonly partitions: readonly ReplayedPartition[]
}

/**
 * Sends the group that writes a generation back to `from`, an offset or what was published since a time, in every partition or in
 * the one that is named; it never goes forward. The group brings its points to what the catalogue says, so reading again puts back what is missing and nothing else.
 * Throws `no-model`, `invalid-request`, and `group-running` where the log cannot move a group that has members.
 */
export async function replayGeneration(
  { catalogue, log }: Pick<Services, 'catalogue' | 'log'>,
  wanted: {
    readonly from: number | Date
    readonly partition?: number | undefined
    readonly generation?: string | undefined
  },
): Promise<GenerationReplay> {
  await catalogue.caughtUp(log)
  const { live, serving } = viewReleases(catalogue.releases())
  const generation = wanted.generation ?? serving?.generation ?? null
  if (generation === null)
    throw new AppError('no-model', 'No generation serves yet, so there is nothing to read again.')
  if (!live.has(generation)) {
    const known = [...live.keys()].join(', ')
    throw new AppError('invalid-request', `There is no live generation ${generation}; there is ${known || 'none'}.`)
  }
  const group = embedGroup(generation)
  const ends = await log.endOffsets('pairs')
  if (wanted.partition !== undefined && !ends.has(wanted.partition))
    throw new AppError('invalid-request', `The topic pairs has no partition ${wanted.partition}: it has ${ends.size}.`)
  const { from } = wanted
  const begins = typeof from === 'number' ? null : await log.offsetsAt('pairs', from.getTime())
  const committed = await log.committedOffsets(group, 'pairs')
  const partitions = [...ends]
    .filter(([partition]) => wanted.partition === undefined || partition === wanted.partition)
    .map(([partition, end]) => {
      const was = committed.get(partition) ?? 0
      const now = Math.min(was, typeof from === 'number' ? from : (begins?.get(partition) ?? was))
      return { partition, was, now, ahead: Math.max(0, end - now) }
    })
  const moved = partitions.filter(({ was, now }) => now < was)
  if (moved.length > 0)
    await log.seekGroup(group, 'pairs', new Map(moved.map(({ partition, now }) => [partition, now])))
  return { generation, group, partitions }
}
