import type { EpochResult } from './job.ts'

/** An epoch with what decides whether its weights are kept: the mean of Recall@1, @5 and @10 both ways, which moves less by chance than one of them. */
export type JudgedEpoch = EpochResult & { readonly score: number }

type Scored = { readonly epoch: number; readonly score: number }

/** The epoch with the highest score, the earliest of equals; undefined before the first. */
export const bestEpoch = <Epoch extends Scored>(history: readonly Epoch[]): Epoch | undefined =>
  history.reduce<Epoch | undefined>(
    (best, epoch) => (best === undefined || epoch.score > best.score ? epoch : best),
    undefined,
  )

/** Early stopping: whether the last `patience` epochs brought nothing better. */
export const hasStopped = (history: readonly Scored[], patience: number): boolean =>
  history.length - (bestEpoch(history)?.epoch ?? 0) >= patience && history.length > 0
