import type { Catalogue } from '../catalogue/catalogue.ts'
import { setTimeout as delay } from 'node:timers/promises'
import { nextGeneration, viewReleases, type ReleaseView } from '../core/release-chain.ts'
import { AppError } from '../core/errors.ts'
import type {
  ErasureRecord,
  FeedbackGiven,
  ReleaseRecord,
  RetrainingReason,
  RetrainingRequested,
} from '../core/events.ts'
import { pairsUntilCrossing } from '../core/counter.ts'
import { feedbackKey } from '../core/feedback.ts'
import { pairKey } from '../core/ids.ts'
import type { NewRecord } from '../ports/event-log.ts'
import { createReleaseLog } from '../consumers/release-log.ts'
import { counterState, retrainingRequest } from '../consumers/retraining-request.ts'
import { inTime } from './dependencies.ts'
import { apply } from './run-handler.ts'
import type { Services } from './services.ts'

/** What a command needs that only writes to the log. */
type LogServices = Pick<Services, 'catalogue' | 'log' | 'clock'>

/** Waits until all that is in the log is known here; with `patience` (milliseconds) no longer than that, then throws `log-unavailable`. */
function caughtUp({ catalogue, log }: LogServices, patience: number | undefined): Promise<void> {
  const folded = catalogue.caughtUp(log)
  return patience === undefined ? folded : inTime(folded, 'log-unavailable', patience)
}

/**
 * Publishes the erasure of a pair: the request for the receipt, then the tombstone. Repeating it changes nothing. With `patience` it
 * throws `log-unavailable` after so many milliseconds without the log, having published nothing.
 */
export async function erasePair(
  services: LogServices,
  pairId: string,
  requestedBy: string,
  patience?: number,
): Promise<void> {
  const { catalogue, log, clock } = services
  // What was acknowledged a moment ago may not be folded yet: the pair itself, or that it was restored and published again.
  if (catalogue.pair(pairId)?.erased !== false) await caughtUp(services, patience)
  const pair = catalogue.pair(pairId)
  if (pair === null) throw new AppError('pair-not-found', `There is no pair ${pairId}.`)
  if (pair.erased) return
  await log.append(erasureRecords(pair, requestedBy, clock()))
}

/** The request for the receipt of a pair's erasure, and the tombstone. */
export function erasureRecords(
  { pairId, imageId }: { readonly pairId: string; readonly imageId: string },
  requestedBy: string,
  at: number,
): NewRecord[] {
  const value: ErasureRecord = { pairId, imageId, state: 'requested', requestedBy, at, logCleanBy: null }
  return [
    { topic: 'erasures', key: pairId, value },
    { topic: 'pairs', key: pairKey(imageId, pairId), value: null },
  ]
}

const RESTORE_ATTEMPTS = 5
const RESTORE_PAUSE = 2

/** Lifts the suppression of an erased pair, so that it may be published again. */
export async function restorePair(
  { catalogue, log, clock }: LogServices,
  pairId: string,
  requestedBy: string,
): Promise<void> {
  if (!catalogue.isErased(pairId)) throw new AppError('pair-not-found', `The pair ${pairId} is not erased.`)
  const imageId = catalogue.pair(pairId)?.imageId ?? catalogue.erasure(pairId)?.imageId
  if (imageId === undefined) throw new AppError('pair-not-found', `There is no pair ${pairId}.`)
  for (let attempt = 0; attempt < RESTORE_ATTEMPTS && catalogue.isErased(pairId); attempt++) {
    // Within the millisecond of the tombstone the erasure wins, so a restoration that came too soon is said again.
    if (attempt > 0) await delay(RESTORE_PAUSE)
    const value: ErasureRecord = { pairId, imageId, state: 'restored', requestedBy, at: clock(), logCleanBy: null }
    await log.append([{ topic: 'erasures', key: pairId, value }])
    await catalogue.caughtUp(log)
  }
  if (catalogue.isErased(pairId)) {
    throw new AppError('not-ready', 'The clock is behind the time of the erasure; set it right and try again.')
  }
}

/** Keeps what somebody made of a hit. */
export async function recordFeedback(
  { log, clock }: Pick<Services, 'log' | 'clock'>,
  feedback: Omit<FeedbackGiven, 'givenAt'>,
): Promise<void> {
  const value: FeedbackGiven = { ...feedback, givenAt: clock() }
  await log.append([{ topic: 'feedback', key: feedbackKey(value), value }])
}

/** Asks for a retraining on what is alive now. `patience` is as for `erasePair`. */
export async function requestRetraining(
  services: Services,
  reason: RetrainingReason,
  requestedBy: string,
  patience?: number,
): Promise<RetrainingRequested> {
  const { catalogue, config, clock } = services
  await caughtUp(services, patience)
  if (catalogue.counts().counted === 0) {
    throw new AppError('snapshot-incomplete', 'There is no pair to train on; publish pictures with captions first.')
  }
  const { request, effects } = retrainingRequest(catalogue, {
    reason,
    requestedBy,
    threshold: config.RETRAIN_THRESHOLD,
    now: clock(),
  })
  await apply(services, effects)
  return request
}

/** How far the next training is. */
export function trainingProgress({ catalogue, config }: Pick<Services, 'catalogue' | 'config'>) {
  const settings = { threshold: config.RETRAIN_THRESHOLD, firstTrainingPairs: config.FIRST_TRAINING_PAIRS }
  const state = counterState(catalogue)
  return {
    base: state.base,
    newPairs: state.fresh,
    threshold: settings.threshold,
    missingPairs: isAnswered(catalogue) ? pairsUntilCrossing(state, settings) : 0,
  }
}

/** Whether no request waits for its model, nor a model for its decision: the next training is then that of the next crossing. */
function isAnswered(catalogue: Catalogue): boolean {
  const request = catalogue.requests().at(-1)
  if (request === undefined) return true
  const model = catalogue.models().find(({ requestId }) => requestId === request.requestId)
  if (model === undefined) return false
  const isDecided = catalogue
    .releases()
    .some(({ modelVersion, state }) => modelVersion === model.modelVersion && state !== 'building')
  return model.outcome !== 'trained' || isDecided
}

const refused = (detail: string) => new AppError('release-refused', detail)

const TRY_AGAIN = 'Another release was decided on in the meantime; look at it and try again.'

/** Has a trained model built and promoted, whatever the gate said of it. */
export const promoteModel = (services: Services, modelVersion: string, requestedBy: string): Promise<ReleaseRecord> =>
  announceBuild(services, modelVersion, ({ serving }) => {
    if (serving?.modelVersion === modelVersion)
      throw refused(`${modelVersion} serves already; 'pairstream reindex' builds its index anew.`)
    return { reason: `Promoted by ${requestedBy}.`, evidence: null }
  })

/** Has a trained model, also the one that serves, built into a new generation, which takes over once it is complete. */
export const reindexModel = (services: Services, modelVersion: string, requestedBy: string): Promise<ReleaseRecord> =>
  announceBuild(services, modelVersion, ({ serving }) => ({
    reason: `Reindexing asked for by ${requestedBy}.`,
    evidence: { askedForBy: requestedBy, replaces: serving?.generation ?? null },
  }))

/** Announces the building of a generation, as the next record of the chain. `justify` may refuse. */
async function announceBuild(
  services: Services,
  modelVersion: string,
  justify: (view: ReleaseView) => { readonly reason: string; readonly evidence: object | null },
): Promise<ReleaseRecord> {
  const { catalogue, log, clock } = services
  await catalogue.caughtUp(log)
  const model = catalogue.model(modelVersion)
  if (model === null || model.manifest === null)
    throw new AppError('model-not-found', `There is no trained model ${modelVersion}; see 'pairstream models list'.`)
  const chain = catalogue.releases()
  const view = viewReleases(chain)
  if (view.build !== null) {
    const { generation, modelVersion: other } = view.build
    throw refused(
      `Generation ${generation} of ${other} is being built; wait until it serves, or give it up by 'pairstream models revert'.`,
    )
  }
  const draft = {
    follows: view.head,
    state: 'building',
    modelVersion,
    generation: nextGeneration(chain, model.manifest),
    ...justify(view),
  } as const
  const record = await createReleaseLog({ catalogue, log, clock }).append(draft)
  if (record === null) throw refused(TRY_AGAIN)
  return record
}

/**
 * Takes the serving release back to the one before, at once, while its generation is kept; while a generation is being built, gives
 * that one up instead.
 */
export async function revertRelease(services: Services, requestedBy: string): Promise<ReleaseRecord> {
  const { catalogue, log, clock } = services
  await catalogue.caughtUp(log)
  const { head, previous, serving, build } = viewReleases(catalogue.releases())
  const releases = createReleaseLog({ catalogue, log, clock })
  if (build !== null) {
    const { modelVersion, generation } = build
    const reason = `Given up by ${requestedBy}.`
    const record = await releases.append({
      follows: head,
      state: 'retired',
      modelVersion,
      generation,
      reason,
      evidence: null,
    })
    if (record === null) throw refused(TRY_AGAIN)
    return record
  }
  if (previous?.generation == null) {
    throw refused(
      "The release before is retired, so there is nothing to go back to at once; promote a model with 'pairstream models promote'.",
    )
  }
  const draft = {
    follows: head,
    state: 'reverted',
    modelVersion: previous.modelVersion,
    generation: previous.generation,
    reason: `Taken back by ${requestedBy}.`,
    evidence: { taken_back: serving?.modelVersion ?? null },
  } as const
  const record = await releases.append(draft)
  if (record === null) throw refused(TRY_AGAIN)
  return record
}
