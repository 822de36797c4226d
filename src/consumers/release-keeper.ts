import type { Catalogue } from '../catalogue/catalogue.ts'
import type { AppError } from '../core/errors.ts'
import { embedGroup } from '../core/consumer-groups.ts'
import { viewReleases, type OpenBuild, type ReleaseView } from '../core/release-chain.ts'
import type { Offsets, EventLog } from '../ports/event-log.ts'
import { breachOf, nothingSeen, type Observations, type WatchLimits } from './release-watch.ts'
import type { ReleaseLog } from './release-log.ts'

export type KeeperDependencies = {
  readonly catalogue: Catalogue
  readonly log: EventLog
  readonly releases: ReleaseLog
  /** What is known of the release that serves `generation`, now. */
  readonly observe: (modelVersion: string, generation: string, signal: AbortSignal | undefined) => Promise<Observations>
  /** Why a model can never be opened (its folder is damaged); null for one that can, or may later. */
  readonly modelProblem: (modelVersion: string, signal: AbortSignal | undefined) => Promise<AppError | null>
  /** Has what searches under a release need made before it takes over. Throws `not-ready` once `signal` is raised, and nothing else. */
  readonly prepare?: (modelVersion: string, generation: string, signal: AbortSignal | undefined) => Promise<void>
  readonly limits: WatchLimits
  /** How long a new champion is watched, in milliseconds. */
  readonly probation: number
  /** Time between two looks at it, in milliseconds: each look asks the golden queries. */
  readonly watchInterval: number
  readonly clock: () => number
}

type ReleaseKeeper = {
  /** Does the one next thing that a release needs, if any; true when it did something. Throws `not-ready` once `signal` is raised. */
  step(signal?: AbortSignal): Promise<boolean>
}

/**
 * Carries releases through their life: switches when a build is complete, watches a new champion and takes it back, retires
 * what is no longer needed. It looks at the chain of release records only, so it goes on after a crash where it was.
 */
export function createReleaseKeeper(deps: KeeperDependencies): ReleaseKeeper {
  const { catalogue, log, releases } = deps
  /** End offsets read once, after the decision to build: the build is complete when its group has committed past them. */
  const ends = new Map<string, Offsets>()
  const before = new Map<string, Observations>()
  const tried = new Set<string>()
  let watchedAt = 0

  const isComplete = async ({ generation }: OpenBuild): Promise<boolean> => {
    const end = ends.get(generation) ?? (await log.endOffsets('pairs'))
    ends.set(generation, end)
    const committed = await log.committedOffsets(embedGroup(generation), 'pairs')
    return [...end].every(([partition, next]) => (committed.get(partition) ?? 0) >= next)
  }

  const promote = async (view: ReleaseView, build: OpenBuild, signal: AbortSignal | undefined): Promise<boolean> => {
    if (!(await isComplete(build))) return false
    const { head, serving } = view
    if (serving?.generation != null)
      before.set(build.generation, await deps.observe(serving.modelVersion, serving.generation, signal))
    await deps.prepare?.(build.modelVersion, build.generation, signal)
    const golden = (await deps.observe(build.modelVersion, build.generation, signal)).goldenRecall
    await releases.append(
      {
        follows: head,
        state: 'promoted',
        modelVersion: build.modelVersion,
        generation: build.generation,
        reason: build.record.reason,
        evidence: { goldenRecall: golden, gate: parse(build.record.evidence) },
      },
      signal,
    )
    return true
  }

  /** A build whose model cannot be opened would wait for ever, and all later challengers behind it. */
  const abandon = async (
    { head }: ReleaseView,
    { modelVersion, generation }: OpenBuild,
    signal: AbortSignal | undefined,
  ): Promise<boolean> => {
    if (tried.has(generation)) return false
    const problem = await deps.modelProblem(modelVersion, signal)
    tried.add(generation)
    if (problem === null) return false
    const reason = `The model cannot be opened: ${problem.message}`
    const draft = { follows: head, state: 'retired', modelVersion, generation, reason, evidence: null } as const
    await releases.append(draft, signal)
    return true
  }

  const watch = async (
    { head, serving, previous, onProbation }: ReleaseView,
    signal: AbortSignal | undefined,
  ): Promise<boolean> => {
    if (!onProbation || serving?.generation == null) return false
    const passed = deps.clock() - serving.decidedAt >= deps.probation
    if (!passed && deps.clock() - watchedAt < deps.watchInterval) return false
    watchedAt = deps.clock()
    const now = await deps.observe(serving.modelVersion, serving.generation, signal)
    const atPromotion = goldenRecallIn(parse(serving.evidence))
    const known = before.get(serving.generation) ?? nothingSeen
    const breach = breachOf({ ...known, goldenRecall: atPromotion }, now, deps.limits)
    if (breach !== null && previous?.generation != null) {
      await releases.append(
        {
          follows: head,
          state: 'reverted',
          modelVersion: previous.modelVersion,
          generation: previous.generation,
          reason: breach,
          evidence: { taken_back: serving.modelVersion, observed: now },
        },
        signal,
      )
      return true
    }
    if (!passed) return false
    const { modelVersion, generation } = serving
    await releases.append(
      {
        follows: head,
        state: 'probation-passed',
        modelVersion,
        generation,
        reason: breach ?? 'The watch saw nothing wrong.',
        evidence: now,
      },
      signal,
    )
    return true
  }

  const retire = async (
    { head, live, serving, build, onProbation }: ReleaseView,
    signal: AbortSignal | undefined,
  ): Promise<boolean> => {
    if (onProbation || serving === null) return false
    const unneeded = [...live].find(
      ([generation]) => generation !== serving.generation && generation !== build?.generation,
    )
    if (unneeded === undefined) return false
    const [generation, modelVersion] = unneeded
    await releases.append(
      {
        follows: head,
        state: 'retired',
        modelVersion,
        generation,
        reason: 'Another release serves.',
        evidence: null,
      },
      signal,
    )
    return true
  }

  return {
    async step(signal) {
      const view = viewReleases(catalogue.releases())
      const { build } = view
      if (build !== null && ((await abandon(view, build, signal)) || (await promote(view, build, signal)))) return true
      return (await watch(view, signal)) || (await retire(view, signal))
    },
  }
}

/** Evidence is written by any program that follows the schema: what is no JSON is kept as the text that it is. */
function parse(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text)
  } catch {
    return text
  }
}

function goldenRecallIn(evidence: unknown): number | null {
  if (typeof evidence !== 'object' || evidence === null || !('goldenRecall' in evidence)) return null
  return typeof evidence.goldenRecall === 'number' ? evidence.goldenRecall : null
}
