import type { BlobStore } from '../../ports/blob-store.ts'
import { adopt, builtInHyperparameters } from './adopted-hyperparameters.ts'
import type { Search } from './halving.ts'
import type { Tuning } from './plan-tuning.ts'
import { differences } from './sample-trials.ts'
import { searchedValuesOf } from './search-space.ts'

type Dependencies = { readonly blobs: Pick<BlobStore, 'put'>; readonly clock: () => number }

/**
 * Makes the winner what later trainings use; says whether there is anything new in it: not where the first trial won, which is what trains
 * already, nor where this search was adopted before.
 */
export async function adoptWinner(tuning: Tuning, search: Search, by: string, deps: Dependencies): Promise<boolean> {
  const { digest, pairs, backbone, sentences, clip, inForce } = tuning
  const winner = tuning.trials.find(({ number }) => number === search.winner)
  if (winner === undefined || winner.number === 1 || inForce?.tuning === digest) return false
  const builtIn = searchedValuesOf(builtInHyperparameters(pairs, clip?.width))
  const record = {
    adoptedAt: deps.clock(),
    adoptedBy: by,
    values: differences(winner.values, builtIn),
    before: inForce?.values ?? null,
    tuning: digest,
    pairs,
    backbone: backbone.id,
    sentenceEncoder: sentences?.id ?? null,
    score: search.rungs.at(-1)?.standings[0]?.mean ?? null,
  }
  await adopt(record, deps.blobs)
  return true
}
