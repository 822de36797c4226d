import { scaleLinear } from 'd3-scale'
import { line } from 'd3-shape'
import type { RelevanceReport } from '../../core/relevance.ts'

const SIDE = 420
const frame = { left: 60, right: SIDE - 20, top: 44, bottom: SIDE - 56 }

type Point = readonly [said: number, seen: number]

const text = (words: string, x: number, y: number, anchor: string): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="#1f2937">${words}</text>`

const percent = (share: number): string => `${Number((share * 100).toPrecision(2))} %`

/** How often hits of each relevance were right, bin by bin, beside the diagonal on which they would lie if all was said right; as an SVG document. */
export function reliabilityPlot({ bins, calibrationError, auroc }: RelevanceReport): string {
  const most = Math.max(0.01, ...bins.flatMap(({ said, seen }) => [said, seen]))
  const x = scaleLinear([0, most], [frame.left, frame.right]).nice(5)
  const y = scaleLinear(x.domain(), [frame.bottom, frame.top])
  const ticks = x
    .ticks(5)
    .flatMap((tick) => [
      `<line x1="${x(tick).toFixed(1)}" y1="${frame.top}" x2="${x(tick).toFixed(1)}" y2="${frame.bottom}" stroke="#e5e7eb"/>`,
      `<line x1="${frame.left}" y1="${y(tick).toFixed(1)}" x2="${frame.right}" y2="${y(tick).toFixed(1)}" stroke="#e5e7eb"/>`,
      text(percent(tick), x(tick), frame.bottom + 18, 'middle'),
      text(percent(tick), frame.left - 8, y(tick) + 4, 'end'),
    ])
  const path = line<Point>(
    ([said]) => x(said),
    ([, seen]) => y(seen),
  ).digits(2)
  const seen = bins.map((bin): Point => [bin.said, bin.seen])
  const [, end = most] = x.domain()
  const diagonal = path([[0, 0], [end, end]]) ?? '' // prettier-ignore
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIDE} ${SIDE}" font-family="system-ui, sans-serif" font-size="12">`,
    '<title>Relevance that was said, and the share of hits that were right</title>',
    `<rect width="${SIDE}" height="${SIDE}" fill="#ffffff"/>`,
    text(`calibration error ${calibrationError.toFixed(4)}, AUROC ${auroc.toFixed(3)}`, frame.left, 24, 'start'),
    ...ticks,
    `<path d="${diagonal}" fill="none" stroke="#6b7280" stroke-dasharray="4 3"/>`,
    `<path d="${path(seen) ?? ''}" fill="none" stroke="#0b5cad" stroke-width="2"/>`,
    ...seen.map(
      ([said, share]) => `<circle cx="${x(said).toFixed(1)}" cy="${y(share).toFixed(1)}" r="3.5" fill="#0b5cad"/>`,
    ),
    text('relevance, mean of a bin', (frame.left + frame.right) / 2, SIDE - 14, 'middle'),
    text('share that was right', frame.left, frame.top - 6, 'start'),
    '</svg>',
    '',
  ].join('\n')
}
