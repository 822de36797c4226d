import { viewReleases } from '../core/release-chain.ts'
import type { GateEvidence } from '../evaluation/gate-decision.ts'
import { mayLookAgain } from '../evaluation/gate.ts'
import { decide, type ReleaseDependencies } from './release.ts'

/**
 * Looks again at the newest challenger where the gate could not tell and the held-out sets have grown as far as it asked for; true
 * when it did. The gate itself ends this: its last look is never inconclusive.
 */
export async function lookAgain(deps: ReleaseDependencies, signal: AbortSignal): Promise<boolean> {
  const { catalogue } = deps
  const releases = catalogue.releases()
  const model = catalogue.models().findLast(({ outcome }) => outcome === 'trained')
  if (model === undefined || viewReleases(releases).build !== null) return false
  const looks = releases.filter(({ modelVersion }) => modelVersion === model.modelVersion)
  const last = looks.at(-1)
  if (last?.state !== 'inconclusive' || last.evidence === null) return false
  if (!mayLookAgain(JSON.parse(last.evidence) as GateEvidence, catalogue.heldOutImages())) return false
  await decide(deps, model, looks.length + 1, signal)
  return true
}
