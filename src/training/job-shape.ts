import { AppError } from '../core/errors.ts'
import type { DualEncoderShape, ImageHead, WordTower } from './definitions/shape.ts'
import type { Hyperparameters } from './hyperparameters.ts'
import type { TrainingJob } from './job.ts'

/** The tower that hyperparameters describe. */
export function wordTowerOf(hyperparameters: Hyperparameters): WordTower | null {
  const { wordTower: kind, wordWidth: width, bigramBuckets, hiddenWidth: hidden, layers, heads } = hyperparameters
  switch (kind) {
    case 'none':
      return null
    case 'bag':
      return bigramBuckets === 0 ? { kind, width } : { kind, width, bigramBuckets }
    case 'gru':
    case 'lstm':
      return { kind, width, hidden }
    case 'transformer':
      return { kind, width, layers, heads }
  }
}

const refused = (reason: string) => new AppError('training-failed', `Attention to regions: ${reason}.`)

function imageHeadOf({ hyperparameters, regions = null }: TrainingJob): ImageHead {
  const { imageHead: kind, imageHidden: hidden, imageViews, embeddingWidth, heads } = hyperparameters
  if (kind === 'linear') return { kind }
  if (kind === 'mlp') return { kind, hidden }
  if (regions === null) throw refused('the features have none')
  if (imageViews === 'corners') {
    throw refused('those of corners are other places, and cannot be averaged; take the views plain or mirrored')
  }
  if (embeddingWidth % heads !== 0) {
    throw refused(`${embeddingWidth} numbers of an embedding are no multiple of ${heads} heads; change one of them`)
  }
  return { kind, regions: { count: regions.rows * regions.columns, width: regions.width }, heads }
}

/** The towers that a job asks for: over a CLIP, adapters and nothing else. Throws `training-failed` where the image head cannot attend to what the job has. */
export function shapeOf(job: TrainingJob): DualEncoderShape {
  const { hyperparameters, featureWidth, sentenceWidth, clip = null } = job
  const { embeddingWidth, maxLength, adapterWidth } = hyperparameters
  const common = { featureWidth, maxLength, sentenceWidth }
  if (clip !== null) {
    return { ...common, imageHead: { kind: 'linear' }, embeddingWidth: featureWidth, words: null, adapterWidth }
  }
  return { ...common, imageHead: imageHeadOf(job), embeddingWidth, words: wordTowerOf(hyperparameters) }
}
