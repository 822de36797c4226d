import { scaleLinear } from 'd3-scale'
import { line } from 'd3-shape'
import type { EpochResult } from '../../../training/job.ts'
import { percentage } from '../../figures.ts'
import { coordinate } from '../markup.ts'
import type { StoryModel } from '../story.ts'
import { bottomAxis, leftAxis, type Frame } from './axes.ts'
import type { Chart } from './figure.ts'
import { seriesClass, seriesDash } from './series.ts'

const WIDTH = 460
const HEIGHT = 290
const frame: Frame = { left: 52, right: WIDTH - 14, top: 38, bottom: HEIGHT - 46 }

type Measure = {
  readonly name: string
  readonly valueOf: (epoch: EpochResult) => number
  readonly format: (value: number) => string
  /** The largest value shown at least. */
  readonly atLeast: number
}

const bestOf = (history: readonly EpochResult[]): EpochResult | undefined =>
  history.reduce<EpochResult | undefined>(
    (best, epoch) => (best === undefined || epoch.developmentRecall > best.developmentRecall ? epoch : best),
    undefined,
  )

/** One line a model over its epochs, the best epoch by development recall marked. */
function curves(models: readonly StoryModel[], { name, valueOf, format, atLeast }: Measure): string {
  const epochs = Math.max(1, ...models.flatMap(({ history }) => history.map(({ epoch }) => epoch)))
  const values = models.flatMap(({ history }) => history.map(valueOf)).filter(Number.isFinite)
  const x = scaleLinear([Math.min(1, epochs - 1), epochs], [frame.left, frame.right])
  const y = scaleLinear([0, Math.max(atLeast, ...values)], [frame.bottom, frame.top]).nice(5)
  const path = line<EpochResult>(
    (epoch) => x(epoch.epoch),
    (epoch) => y(valueOf(epoch)),
  )
    .defined((epoch) => Number.isFinite(valueOf(epoch)))
    .digits(2)
  const drawn = models.map(({ history }, index) => {
    const best = bestOf(history)
    const dot =
      best === undefined || !Number.isFinite(valueOf(best))
        ? ''
        : `<circle cx="${coordinate(x(best.epoch))}" cy="${coordinate(y(valueOf(best)))}" r="4.5" class="best ${seriesClass(index)}"/>`
    return `<path d="${path(history) ?? ''}" class="curve ${seriesClass(index)}" stroke-dasharray="${seriesDash(index)}"/>${dot}`
  })
  const wholeEpochs = x.ticks(6).filter((tick) => Number.isInteger(tick) && tick >= 1)
  return (
    leftAxis({ scale: y, ticks: y.ticks(5), format, name }, frame) +
    bottomAxis({ scale: x, ticks: wholeEpochs, format: String, name: 'epoch' }, frame) +
    drawn.join('')
  )
}

const panel = (title: string, sentence: string, models: readonly StoryModel[], measure: Measure): Chart => ({
  title,
  sentence,
  description: models
    .map(({ label, history }) => {
      const [first, best] = [history[0], bestOf(history)]
      if (first === undefined || best === undefined) return `${label}: no epochs`
      const [from, to] = [measure.format(measure.valueOf(first)), measure.format(measure.valueOf(best))]
      return `${label}: from ${from} at epoch ${first.epoch} to ${to} at its best epoch, ${best.epoch} of ${history.length}`
    })
    .join('; '),
  width: WIDTH,
  height: HEIGHT,
  content: curves(models, measure),
})

/** The training loss of every model by epoch. */
export const lossCurves = (models: readonly StoryModel[]): Chart =>
  panel(
    'Training loss',
    'The contrastive loss falls as captions and pictures find each other; the dot is the epoch that did best.',
    models,
    {
      name: 'InfoNCE loss (nats)',
      valueOf: ({ loss }) => loss,
      format: (value) => String(Math.round(value * 100) / 100),
      atLeast: 0.1,
    },
  )

/** Recall@10 on the development fold of every model by epoch. */
export const developmentCurves = (models: readonly StoryModel[]): Chart =>
  panel(
    'Recall@10 on the development fold',
    'Pictures kept out of training, on which it is stopped early; they do not judge.',
    models,
    {
      name: 'captions whose picture is in the first ten (%)',
      valueOf: ({ developmentRecall }) => developmentRecall,
      format: (value) => percentage(value).replace('.0', ''),
      atLeast: 0.05,
    },
  )
