import type { TrainingEvents } from '../training/train-request.ts'
import { counted, percentage } from './figures.ts'
import type { Progress, Stage } from './progress.ts'
import { showReading } from './reading-stages.ts'

/** A stage for the features of a training, one for what a sentence encoder reads, and one for its epochs. */
export function showTraining(progress: Progress): TrainingEvents {
  let epochs: Stage | null = null
  return {
    ...showReading(progress),
    onProgress(_modelVersion, { step, steps, epoch, loss, developmentRecall }) {
      epochs ??= progress.stage('training', steps)
      const recall = developmentRecall === undefined ? '' : `, Recall@10 ${percentage(developmentRecall)}`
      epochs.update(step, `epoch ${epoch}, loss ${loss.toFixed(2)}${recall}`)
    },
    onTrained(_modelVersion, { epochsRun, bestEpoch }) {
      epochs?.finish(`${counted(epochsRun, 'epoch')}, the best is number ${bestEpoch}`)
      epochs = null
    },
  }
}
