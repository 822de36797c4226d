import type { ReleaseRecord } from './events.ts'
import { sha256Hex } from './ids.ts'

/** A generation that is being filled, and is to be promoted once it is complete. */
export type OpenBuild = { readonly modelVersion: string; readonly generation: string; readonly record: ReleaseRecord }

export type ReleaseView = {
  /** The newest record of the chain: what a decision made on this view has to follow. */
  readonly head: string | null
  readonly build: OpenBuild | null
  /** The record that put the serving release in force: `promoted` or `reverted`. */
  readonly serving: ReleaseRecord | null
  /** The record of the release that served before, and could serve again. */
  readonly previous: ReleaseRecord | null
  /** Whether the serving release is still being watched. */
  readonly onProbation: boolean
  /** Generations that consumers keep up to date: built or being built, and not retired. */
  readonly live: ReadonlyMap<string, string>
  readonly retired: readonly ReleaseRecord[]
}

/**
 * The newest word on a model. A model that serves may have been built more than once: what is said of its other generations is then
 * no longer about it.
 */
export function lastWordOn(chain: readonly ReleaseRecord[], modelVersion: string): ReleaseRecord | null {
  const serving = chain.findLast(takesOver)
  const isAbout = (record: ReleaseRecord): boolean =>
    record.modelVersion === modelVersion &&
    (serving?.modelVersion !== modelVersion || record.generation === serving.generation)
  return chain.findLast(isAbout) ?? null
}

const takesOver = (record: ReleaseRecord): boolean => record.state === 'promoted' || record.state === 'reverted'

/** What a chain of valid release records, oldest first, amounts to. */
export function viewReleases(chain: readonly ReleaseRecord[]): ReleaseView {
  const live = new Map<string, string>()
  const serves: ReleaseRecord[] = []
  const retired: ReleaseRecord[] = []
  let build: OpenBuild | null = null
  let onProbation = false
  for (const record of chain) {
    const { state, modelVersion, generation } = record
    if (state === 'building' && generation !== null) {
      build = { modelVersion, generation, record }
      live.set(generation, modelVersion)
    } else if (takesOver(record)) {
      serves.push(record)
      onProbation = state === 'promoted' && serves.length > 1
      if (build?.generation === generation) build = null
    } else if (state === 'probation-passed') onProbation = false
    else if (state === 'retired' && generation !== null) {
      live.delete(generation)
      retired.push(record)
      if (build?.generation === generation) build = null
    }
  }
  const serving = serves.at(-1) ?? null
  const previous =
    serves.findLast(
      ({ generation }) => generation !== serving?.generation && generation !== null && live.has(generation),
    ) ?? null
  const head = chain.at(-1)?.releaseId ?? null
  return { head, build, serving, previous, onProbation, live, retired }
}

/**
 * The generation that the next build gets, such as `g7-1f0c9a2e`: how many there were, and the model by its manifest, which names every
 * file by content. The number alone, and the model version too, come again in a log that was restored or begun anew, where the index may
 * still hold what they stood for before. Under this name it holds vectors of this very model or none, so that whoever finds some may
 * keep them: they are equal to those it would compute, and what was erased since is removed by its tombstone and by the sweep.
 */
export function nextGeneration(chain: readonly ReleaseRecord[], manifest: string): string {
  const builds = chain.filter(({ state }) => state === 'building').length
  return `g${builds + 1}-${sha256Hex(manifest).slice(0, 8)}`
}
