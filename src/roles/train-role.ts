import { startLoop } from '../consumers/loop.ts'
import { createTrainHandler } from '../consumers/train.ts'
import { createRequestTrainer, type TrainingEvents } from '../training/train-request.ts'
import { joinRoles, never, type RunningRole } from './role.ts'
import { runHandler } from './run-handler.ts'
import type { Services } from './services.ts'

/**
 * Trains a model for each request, in a process of its own. Throws `model-invalid` where the backbone, the sentence encoder or the CLIP cannot be used, and `not-ready` where
 * `signal` is raised before it has started.
 */
export async function startTrainRole(
  services: Services,
  events: TrainingEvents,
  signal?: AbortSignal,
): Promise<RunningRole> {
  const { catalogue, log, clock, config, metrics, jobFolders } = services
  // A wrong folder should be told to who starts this, not by the first training that fails.
  await Promise.all([services.backbone(), services.sentenceEncoder()])
  await catalogue.caughtUp(log, signal)
  await jobFolders.removeAnswered(catalogue)
  const train = createRequestTrainer({
    ...services,
    start: config.TRAINING_START,
    seed: config.TRAINING_SEED,
    threads: config.THREADS,
    textTower: config.TEXT_TOWER,
    imageHead: config.IMAGE_HEAD,
    imageRegions: config.IMAGE_REGIONS,
    imageViews: config.IMAGE_VIEWS,
    adapterWidth: config.CLIP_ADAPTER_WIDTH,
    maximumEpochs: config.TRAINING_EPOCHS,
    exportPrecision: config.EXPORT_PRECISION,
    events,
  })
  const consumer = runHandler(
    services,
    createTrainHandler({
      catalogue,
      log,
      train,
      clock,
      onEnded({ reason }, outcome) {
        // What was trained is counted when it is decided on.
        if (outcome === 'failed' || outcome === 'superseded') metrics.retrainings.inc({ reason, outcome })
      },
    }),
  )
  return joinRoles([{ failed: consumer.done, stop: consumer.stop }, startDataUpkeep(services)])
}

/**
 * Removes what is answered, and takes out what is erased, now and then: where the role `erase` runs in another process, or another
 * trainer has answered, nobody says so here.
 */
function startDataUpkeep({ catalogue, config, jobFolders, logger }: Services): RunningRole {
  const loop = startLoop({
    async step() {
      await jobFolders.removeAnswered(catalogue)
      await jobFolders.forget((pairId) => !catalogue.isLivePair(pairId))
      return false
    },
    interval: config.SWEEP_SECONDS * 1_000,
    onWake: () => () => undefined,
    onError: (error) => logger.warn({ err: error }, 'the data of trainings could not be brought up to date'),
  })
  return { failed: never, stop: loop.stop }
}
