import { createCountHandler } from '../consumers/count.ts'
import { createEraseHandler } from '../consumers/erase.ts'
import { createJudgeHandler } from '../consumers/judge.ts'
import { startLoop } from '../consumers/loop.ts'
import { sweepPayloads } from '../consumers/sweep-payloads.ts'
import { sweepBlobs, sweepIndex } from '../consumers/sweep.ts'
import { requireGoing, unlessStopped } from '../core/stop.ts'
import { joinRoles, never, type RunningRole } from './role.ts'
import { apply, runHandler } from './run-handler.ts'
import type { Services } from './services.ts'
import { claimStore } from './store-owner.ts'

/** Asks for a retraining when the data set has grown, and gives up what no other role would. */
export async function startCountRole(services: Services): Promise<RunningRole> {
  const { catalogue, log, clock, config, metrics } = services
  const settings = { threshold: config.RETRAIN_THRESHOLD, firstTrainingPairs: config.FIRST_TRAINING_PAIRS }
  const partitions = await log.partitions('pairs')
  const onPublished = (pairs: number) => metrics.pairsPublished.inc({}, pairs)
  const consumer = runHandler(
    services,
    createCountHandler({ catalogue, log, settings, partitions, clock, onPublished }),
  )
  const judge = runHandler(services, createJudgeHandler())
  return joinRoles([
    { failed: consumer.done, stop: consumer.stop },
    { failed: judge.done, stop: judge.stop },
  ])
}

/** Keeps the local copies of features in step with what the process that erases has rewritten. */
export function startFeatureUpkeep({ features, config, logger }: Services): RunningRole {
  const loop = startLoop({
    async step(signal) {
      await unlessStopped(features.refresh(), signal)
      return false
    },
    interval: config.SWEEP_SECONDS * 1_000,
    onWake: () => () => undefined,
    onError: (error) => logger.warn({ err: error }, 'the features could not be brought up to date'),
  })
  return { failed: never, stop: loop.stop }
}

/**
 * Follows tombstones, and sweeps now and then for what nothing live refers to. Throws `configuration-invalid` where the blob store is
 * another log's.
 */
export async function startEraseRole(services: Services): Promise<RunningRole> {
  const { config, log, clock, logger, features } = services
  await claimStore(services)
  const deps = { ...services, blobGrace: config.BLOB_GRACE_SECONDS * 1_000 }
  const consumer = runHandler(services, createEraseHandler(deps))
  const loop = startLoop({
    async step(signal) {
      await claimStore(services)
      for await (const removal of sweepIndex(deps, signal)) await apply(services, removal)
      for await (const correction of sweepPayloads(deps, signal)) await apply(services, correction)
      for (const removal of await sweepBlobs(deps, signal)) {
        requireGoing(signal)
        await apply(services, [removal])
      }
      await unlessStopped(features.sweep(), signal)
      await log.maintain(clock())
      return false
    },
    interval: config.SWEEP_SECONDS * 1_000,
    onWake: () => () => undefined,
    onError: (error) => logger.error({ err: error }, 'a sweep failed'),
  })
  return joinRoles([
    { failed: consumer.done, stop: consumer.stop },
    { failed: never, stop: loop.stop },
  ])
}
