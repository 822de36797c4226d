import { scaleBand, scaleLinear } from 'd3-scale'
import { percentage } from '../../figures.ts'
import { coordinate } from '../markup.ts'
import type { StoryModel } from '../story.ts'
import { bottomAxis, type Frame } from './axes.ts'
import { label, stroke, type Chart } from './figure.ts'
import { seriesClass } from './series.ts'

const WIDTH = 460
const BAR = 22
const measures = ['at1', 'at5', 'at10'] as const
const nameOf = { at1: 'R@1', at5: 'R@5', at10: 'R@10' } as const

type Measured = StoryModel & { readonly recall: NonNullable<StoryModel['recall']> }

const isMeasured = (model: StoryModel): model is Measured => model.recall !== null

function sentenceOf(models: readonly Measured[]): string {
  const [first, last] = [models[0], models.at(-1)]
  if (first === undefined || last === undefined) return 'No model was evaluated.'
  const figureOf = ({ label: name, recall }: Measured): string => `${name} ${percentage(recall.at10)}`
  return `Recall@10: ${first === last ? figureOf(first) : `${figureOf(first)}, ${figureOf(last)}`}.`
}

/** Recall@1, 5 and 10 on the validation images, a bar a model; null where no model was evaluated. */
export function recallBars(models: readonly StoryModel[]): Chart | null {
  const measured = models.filter(isMeasured)
  if (measured.length === 0) return null
  const group = measured.length * BAR + 16
  const frame: Frame = { left: 64, right: WIDTH - 62, top: 8, bottom: 8 + measures.length * group }
  const x = scaleLinear([0, 1], [frame.left, frame.right])
  const y = scaleBand(measures, [frame.top, frame.bottom])
  const bars = measures.flatMap((measure) => {
    const top = (y(measure) ?? 0) + 6
    const heading = label(nameOf[measure], frame.left - 8, top + (measured.length * BAR) / 2 + 4, {
      anchor: 'end',
      className: 'strong',
    })
    return [
      heading,
      ...measured.map((model, index) => {
        const [share, at] = [model.recall[measure], top + index * BAR]
        const series = seriesClass(models.indexOf(model))
        const bar = `<rect x="${frame.left}" y="${coordinate(at)}" width="${coordinate(x(share) - frame.left)}" height="${BAR - 5}" rx="2" class="bar ${series}"/>`
        const text = label(percentage(share), x(share) + 6, at + 13, { className: 'figure' })
        return bar + text
      }),
    ]
  })
  const ticks = x.ticks(5)
  return {
    title: 'Recall on the validation images, from text to picture',
    sentence: sentenceOf(measured),
    description: measured
      .map(
        ({ label: name, recall }) =>
          `${name}: ${measures.map((at) => `${nameOf[at]} ${percentage(recall[at])}`).join(', ')}`,
      )
      .join('; '),
    width: WIDTH,
    height: frame.bottom + 44,
    content:
      ticks.map((tick) => stroke(x(tick), frame.top, x(tick), frame.bottom, 'grid')).join('') +
      bars.join('') +
      bottomAxis(
        {
          scale: x,
          ticks,
          format: (tick) => String(Math.round(100 * tick)),
          name: 'captions whose picture is in the first 1, 5, 10 (%)',
        },
        frame,
      ),
  }
}
