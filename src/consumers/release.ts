import type { Catalogue } from '../catalogue/catalogue.ts'
import { AppError } from '../core/errors.ts'
import type { ModelTrained } from '../core/events.ts'
import { nextGeneration, viewReleases } from '../core/release-chain.ts'
import type { GateDecision } from '../evaluation/gate-decision.ts'
import type { EventLog } from '../ports/event-log.ts'
import type { ReleaseLog } from './release-log.ts'
import type { Handler } from './runner.ts'

/** The first model has nobody to be compared with: it is judged on its own. */
type FirstModelVerdict = { readonly accepted: boolean; readonly sentence: string; readonly evidence: object }

export type ReleaseDependencies = {
  readonly catalogue: Catalogue
  readonly log: EventLog
  readonly releases: ReleaseLog
  /** Compares the two on the held-out images. */
  readonly compare: (
    champion: string,
    challenger: string,
    reason: string,
    look: number,
    signal: AbortSignal,
  ) => Promise<GateDecision>
  readonly judgeFirst: (challenger: string, signal: AbortSignal) => Promise<FirstModelVerdict>
  /** Told of each decision that took effect: why the model was trained, and `promoted`, `rejected` or `inconclusive`. */
  readonly onDecided?: (reason: string, outcome: 'promoted' | 'rejected' | 'inconclusive') => void
}

/**
 * Decides on each trained model: announces `building` for one that is better, else keeps it with its evidence. The record is
 * appended here and not as an effect, because compare-and-set needs its answer before the offset is committed.
 */
export function createReleaseHandler(deps: ReleaseDependencies): Handler<'models.trained'> {
  return {
    group: 'release',
    topics: ['models.trained'],
    maxRecords: 1,
    async handle(records, signal) {
      for (const { value, problem } of records) {
        if (problem !== null)
          throw new AppError(problem, 'The trained model cannot be decoded; retrain to get another.')
        if (value?.outcome !== 'trained') continue
        await deps.catalogue.caughtUp(deps.log, signal)
        // The first answer to a request counts, also when it was a failure and this record came second.
        const model = deps.catalogue.model(value.modelVersion)
        if (model?.outcome !== 'trained') continue
        while (!isDecided(deps.catalogue, model)) {
          await noOpenBuild(deps.catalogue, signal)
          await decide(deps, model, 1, signal)
        }
      }
      return []
    },
  }
}

const isDecided = (catalogue: Catalogue, model: ModelTrained): boolean =>
  catalogue.releases().some(({ modelVersion }) => modelVersion === model.modelVersion)

/**
 * Appends the decision on one challenger; a record that came in while it was compared leaves it undecided, and so does a stop, by
 * `not-ready`.
 */
export async function decide(
  deps: ReleaseDependencies,
  model: ModelTrained,
  look: number,
  signal: AbortSignal,
): Promise<void> {
  const { catalogue, releases, onDecided } = deps
  const { modelVersion, requestId, manifest } = model
  if (manifest === null)
    throw new AppError('model-not-found', `The model ${modelVersion} names no files; train another.`)
  const reason = catalogue.requests().find((request) => request.requestId === requestId)?.reason ?? 'manual'
  const champion = catalogue.currentRelease()
  const chain = catalogue.releases()
  const follows = viewReleases(chain).head
  const generation = nextGeneration(chain, manifest)
  const building = { follows, state: 'building', modelVersion, generation } as const
  const kept = { follows, modelVersion, generation: null } as const
  if (champion === null) {
    const { accepted, sentence, evidence } = await deps.judgeFirst(modelVersion, signal)
    const outcome = accepted ? building : ({ ...kept, state: 'rejected' } as const)
    const record = await releases.append({ ...outcome, reason: sentence, evidence }, signal)
    if (record !== null) onDecided?.(reason, accepted ? 'promoted' : 'rejected')
    return
  }
  const decision = await deps.compare(champion.modelVersion, modelVersion, reason, look, signal)
  const outcome = decision.outcome === 'promoted' ? building : { ...kept, state: decision.outcome }
  const draft = { ...outcome, reason: decision.sentence, evidence: decision.evidence }
  const record = await releases.append(draft, signal)
  if (record !== null) onDecided?.(reason, decision.outcome)
}

/** A challenger is compared with the champion that will be, so it waits for a build to end. */
async function noOpenBuild(catalogue: Catalogue, signal: AbortSignal): Promise<void> {
  const isOpen = () => viewReleases(catalogue.releases()).build !== null
  if (!isOpen()) return
  await new Promise<void>((resolve, reject) => {
    const settle = (end: () => void) => {
      unsubscribe()
      signal.removeEventListener('abort', abort)
      end()
    }
    const abort = () => settle(() => reject(new AppError('not-ready', 'Stopped while a generation is being built.')))
    const unsubscribe = catalogue.onChange(() => {
      if (!isOpen()) settle(resolve)
    })
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
  })
}
