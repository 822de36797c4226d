import { scaleLinear } from 'd3-scale'
import { line } from 'd3-shape'
import type { EpochResult } from '../job.ts'

const WIDTH = 640
const HEIGHT = 300
const frame = { left: 56, right: WIDTH - 56, top: 40, bottom: HEIGHT - 44 }

/** Told apart by their dashes, too. */
const curves = [
  {
    name: 'development recall@10',
    colour: '#0b5cad',
    dash: 'none',
    valueOf: (epoch: EpochResult) => epoch.developmentRecall,
  },
  { name: 'training loss', colour: '#c2410c', dash: '6 3', valueOf: (epoch: EpochResult) => epoch.loss },
] as const

type Scale = (value: number) => number

const text = (words: string, x: number, y: number, anchor: string, colour = '#1f2937'): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="${colour}">${words}</text>`

/** Loss and development recall over the epochs as an SVG document, each on a scale of its own, the exported epoch marked. */
export function learningCurve(history: readonly EpochResult[], bestEpoch: number): string {
  const epochs = Math.max(2, history.length)
  const x = scaleLinear([1, epochs], [frame.left, frame.right])
  const scales = curves.map(({ valueOf }) => {
    const values = history.map(valueOf).filter(Number.isFinite)
    return scaleLinear([0, Math.max(1e-6, ...values)], [frame.bottom, frame.top]).nice(5)
  })
  const drawn = curves.map((curve, index) => {
    const y: Scale = scales[index] ?? Number
    const path = line<EpochResult>(
      (epoch) => x(epoch.epoch),
      (epoch) => y(curve.valueOf(epoch)),
    ).digits(2)
    const atLeft = index === 0
    const labels = (scales[index]?.ticks(5) ?? []).map((tick) =>
      text(
        String(tick),
        atLeft ? frame.left - 8 : frame.right + 8,
        y(tick) + 4,
        atLeft ? 'end' : 'start',
        curve.colour,
      ),
    )
    const title = text(
      curve.name,
      atLeft ? frame.left : frame.right,
      frame.top - 16,
      atLeft ? 'start' : 'end',
      curve.colour,
    )
    const look = `fill="none" stroke="${curve.colour}" stroke-width="2" stroke-dasharray="${curve.dash}"`
    const marked = history
      .filter(({ epoch }) => epoch === bestEpoch)
      .map(
        (epoch) =>
          `<circle cx="${x(bestEpoch).toFixed(1)}" cy="${y(curve.valueOf(epoch)).toFixed(1)}" r="4" fill="${curve.colour}"/>`,
      )
    return [title, ...labels, `<path d="${path(history) ?? ''}" ${look}/>`, ...marked].join('')
  })
  const bottom = `<line x1="${frame.left}" y1="${frame.bottom}" x2="${frame.right}" y2="${frame.bottom}" stroke="#6b7280"/>`
  const wholeEpochs = x.ticks(8).filter((tick) => Number.isInteger(tick) && tick <= history.length)
  const ticks = wholeEpochs.map((tick) => text(String(tick), x(tick), frame.bottom + 18, 'middle'))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12">`,
    '<title>Training loss and development recall@10 by epoch</title>',
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    ...drawn,
    bottom,
    ...ticks,
    text('epoch', (frame.left + frame.right) / 2, HEIGHT - 8, 'middle'),
    '</svg>',
    '',
  ].join('\n')
}
