import { createTrainHandler } from '../consumers/train.ts'
import { removeAnsweredJobs } from '../training/answered-jobs.ts'
import { createRequestTrainer, type TrainingEvents } from '../training/train-request.ts'
import type { RunningRole } from './role.ts'
import { runHandler } from './run-handler.ts'
import type { Services } from './services.ts'

/** Trains a model for each request, in a process of its own. Throws `model-invalid` where the backbone cannot be used. */
export async function startTrainRole(services: Services, events: TrainingEvents): Promise<RunningRole> {
  const { catalogue, log, clock, config, metrics } = services
  // A wrong folder should be told to who starts this, not by the first training that fails.
  await services.backbone()
  await catalogue.caughtUp(log)
  await removeAnsweredJobs(config.trainingFolder, catalogue)
  const train = createRequestTrainer({
    ...services,
    workFolder: config.trainingFolder,
    seed: config.TRAINING_SEED,
    threads: config.THREADS,
    maximumEpochs: config.TRAINING_EPOCHS,
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
  return { failed: consumer.done, stop: consumer.stop }
}
