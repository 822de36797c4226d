import type { Catalogue } from '../catalogue/catalogue.ts'
import type { CommandContext } from './context.ts'
import { createProgress, type Progress, type Stage } from './progress.ts'

/** A log that is folded faster than this is not worth a line, and its pairs are not counted more often, in milliseconds. */
const PAUSE = 2_000

/** Says how much of the log a catalogue holds, where folding it takes long. `look` is for each time that it has come further. */
export function showFolding({ stderr }: CommandContext): { look(catalogue: Catalogue): void; stop(): void } {
  let shown: { readonly progress: Progress; readonly stage: Stage } | null = null
  let lookedAt = performance.now()
  return {
    look(catalogue) {
      if (performance.now() - lookedAt < PAUSE) return
      lookedAt = performance.now()
      if (shown === null) {
        const progress = createProgress({ stream: stderr, isTerminal: stderr.isTTY })
        shown = { progress, stage: progress.stage('folding the log', null) }
      }
      shown.stage.update(catalogue.counts().pairs, 'pairs')
    },
    stop: () => shown?.progress.stop(),
  }
}
