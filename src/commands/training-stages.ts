import type { TrainingEvents } from '../training/train-request.ts'
import { counted, percentage } from './figures.ts'
import type { Progress, Stage } from './progress.ts'

/** A stage for the features of a training, one for what a sentence encoder reads, and one for its epochs. */
export function showTraining(progress: Progress): TrainingEvents {
  let features: Stage | null = null
  let captions: Stage | null = null
  let epochs: Stage | null = null
  return {
    onFeatures(done, total) {
      features ??= progress.stage('features', total)
      features.update(done, 'pictures')
      if (done < total) return
      features.finish(`${counted(total, 'picture')} seen by the backbone`)
      features = null
    },
    onCaptions(done, total) {
      captions ??= progress.stage('captions', total)
      captions.update(done, 'captions read')
      if (done < total) return
      captions.finish(`${counted(total, 'caption')} read by the sentence encoder`)
      captions = null
    },
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
