import { createTrainHandler } from '../consumers/train.ts'
import { createRequestTrainer, type TrainingEvents } from '../training/train-request.ts'
import type { RunningRole } from './role.ts'
import { runHandler } from './run-handler.ts'
import type { Services } from './services.ts'

/** Trains a model for each request, in a process of its own. */
export function startTrainRole(services: Services, events: TrainingEvents): RunningRole {
  const { catalogue, log, clock, config, metrics } = services
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
