import type { Services } from './services.ts'

/**
 * Brings what others see to what the releases topic says: the generation that outside readers of the index use, the aliases
 * `champion` and `challenger`, and each version's decision with its reason. The topic is the truth; repeating this changes nothing.
 */
export function createRegistryFollower({ catalogue, index, tracking }: Services): () => Promise<void> {
  let seen = 0
  return async () => {
    const releases = catalogue.releases()
    const current = catalogue.currentRelease()
    if (releases.length === seen) return
    for (const { modelVersion, state, reason } of releases.slice(seen)) {
      await tracking.tag(modelVersion, { decision: state, decision_reason: reason })
    }
    if (current !== null) await index.serve(current.generation)
    await tracking.setAlias('champion', current?.modelVersion ?? null)
    const newest = catalogue.models().findLast(({ outcome }) => outcome === 'trained')?.modelVersion ?? null
    await tracking.setAlias('challenger', newest === current?.modelVersion ? null : newest)
    seen = releases.length
  }
}
