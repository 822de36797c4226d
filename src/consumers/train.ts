import type { Catalogue } from '../catalogue/catalogue.ts'
import { AppError, toAppError } from '../core/errors.ts'
import type { ModelTrained, RetrainingRequested } from '../core/events.ts'
import { modelVersionOf } from '../core/ids.ts'
import type { EventLog } from '../ports/event-log.ts'
import type { Effect } from './effects.ts'
import type { Handler } from './runner.ts'

/** What a training yields; the blob of the manifest and all it names are durable by then. */
type TrainedModel = {
  readonly manifest: string
  /** The model whose weights it started from; null when it started from scratch. */
  readonly parent: string | null
  readonly metrics: Readonly<Record<string, number>>
}

export type TrainDependencies = {
  readonly catalogue: Catalogue
  readonly log: EventLog
  /** Trains on the request's snapshot; goes on from its last checkpoint after a crash. Rejects when `signal` is raised. */
  readonly train: (request: RetrainingRequested, modelVersion: string, signal: AbortSignal) => Promise<TrainedModel>
  readonly clock: () => number
  readonly onEnded?: (request: RetrainingRequested, outcome: string) => void
}

/** Answers each request with one model, a failure, or `superseded` where a newer request waits behind it. */
export function createTrainHandler(deps: TrainDependencies): Handler<'retraining.requested'> {
  /** What was written for the training goes once its answer is durable, also when the one before did not get as far as that. */
  const remove = ({ requestId }: RetrainingRequested): Effect => ({
    type: 'training-data-remove',
    modelVersion: modelVersionOf(requestId),
  })

  const answer = (
    request: RetrainingRequested,
    result: Partial<ModelTrained> & { outcome: string; startedAt: number },
  ): readonly Effect[] => {
    const value: ModelTrained = {
      modelVersion: modelVersionOf(request.requestId),
      parent: null,
      requestId: request.requestId,
      detail: null,
      manifest: null,
      metrics: {},
      trainedAt: deps.clock(),
      ...result,
    }
    deps.onEnded?.(request, result.outcome)
    const records = [{ topic: 'models.trained', key: value.modelVersion, value }] as const
    return [{ type: 'events-append', records }, remove(request)]
  }

  const work = async (request: RetrainingRequested, signal: AbortSignal): Promise<readonly Effect[]> => {
    const startedAt = deps.clock()
    try {
      const trained = await deps.train(request, modelVersionOf(request.requestId), signal)
      return answer(request, { outcome: 'trained', startedAt, ...trained })
    } catch (thrown) {
      const error = toAppError(thrown)
      // A dependency that is away, or a stop, is no verdict on the request: it will be tried again.
      if (signal.aborted || error.kind === 'unavailable') throw error
      return answer(request, { outcome: 'failed', startedAt, detail: `${error.code}: ${error.message}` })
    }
  }

  return {
    group: 'train',
    topics: ['retraining.requested'],
    async handle(records, signal) {
      for (const { problem } of records) {
        if (problem !== null) throw new AppError(problem, 'The request cannot be decoded; ask for a retraining again.')
      }
      const effects: Effect[] = []
      for (const { value: request } of records) {
        if (request === null) continue
        await deps.catalogue.caughtUp(deps.log, signal)
        if (deps.catalogue.models().some(({ requestId }) => requestId === request.requestId)) {
          effects.push(remove(request))
          continue
        }
        const newest = deps.catalogue.requests().at(-1)?.requestId
        if (newest !== undefined && newest !== request.requestId) {
          effects.push(
            ...answer(request, {
              outcome: 'superseded',
              startedAt: deps.clock(),
              detail: `A newer request waits: ${newest}.`,
            }),
          )
        } else effects.push(...(await work(request, signal)))
      }
      return effects
    },
  }
}
