import { embedGroup } from '../core/consumer-groups.ts'
import { viewReleases } from '../core/release-chain.ts'
import type { Services } from '../roles/services.ts'
import type { Progress, Stage } from './progress.ts'

const sumOf = (offsets: ReadonlyMap<number, number>): number =>
  [...offsets.values()].reduce((sum, next) => sum + next, 0)

/** A stage for each generation that is being built; call what it returns now and then, and `end` when nobody looks any more. */
export function showBuilds({ catalogue, log }: Services, progress: Progress): { look(): Promise<void>; end(): void } {
  let open: { readonly generation: string; readonly stage: Stage; readonly total: number } | null = null
  const end = (): void => {
    open?.stage.finish(`generation ${open.generation} is complete`)
    open = null
  }
  return {
    end,
    async look() {
      const generation = viewReleases(catalogue.releases()).build?.generation ?? null
      if (open !== null && open.generation !== generation) end()
      if (generation === null) return
      if (open === null) {
        const total = sumOf(await log.endOffsets('pairs'))
        open = { generation, total, stage: progress.stage(`index ${generation}`, total) }
      }
      open.stage.update(Math.min(open.total, sumOf(await log.committedOffsets(embedGroup(generation), 'pairs'))))
    },
  }
}
