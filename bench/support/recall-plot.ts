import { scaleLinear, scaleLog } from 'd3-scale'
import { line } from 'd3-shape'
import { coordinate, escapeMarkup } from '../../src/commands/demo/markup.ts'

/** What a setting gives: the candidates that the graph is asked for, and recall and median latency with them. */
export type CurvePoint = { readonly depth: number; readonly recall: number; readonly milliseconds: number }
/** One line of the plot. */
export type Curve = { readonly name: string; readonly points: readonly CurvePoint[] }

const WIDTH = 860
const HEIGHT = 460
const frame = { left: 64, right: WIDTH - 260, top: 48, bottom: HEIGHT - 56 }
/** Told apart also by people who see few colours, and by their dashes. */
const colours = ['#0b5cad', '#c2410c', '#15803d', '#7e22ce', '#475569', '#be123c']
const dashes = ['none', '8 3', '2 3', '9 3 2 3', '5 2', '12 4']

const style = `text{font:13px system-ui,sans-serif;fill:#1f2937}.small{font-size:11px;fill:#4b5563}
.grid{stroke:#e5e7eb}.axis{stroke:#6b7280}.curve{fill:none;stroke-width:2}`.replaceAll('\n', '')

type Words = { readonly anchor: 'start' | 'middle' | 'end'; readonly small?: boolean; readonly colour?: string }

function text(words: string, x: number, y: number, { anchor, small = false, colour }: Words): string {
  const look = `${small ? ' class="small"' : ''}${colour === undefined ? '' : ` style="fill:${colour}"`}`
  return `<text x="${coordinate(x)}" y="${coordinate(y)}" text-anchor="${anchor}"${look}>${escapeMarkup(words)}</text>`
}

const stroke = (x1: number, y1: number, x2: number, y2: number, name: string): string =>
  `<line x1="${coordinate(x1)}" y1="${coordinate(y1)}" x2="${coordinate(x2)}" y2="${coordinate(y2)}" class="${name}"/>`

/** A curve with its dots, each with its number of candidates; labels of neighbours stand on different sides. */
function drawn(
  { points, name }: Curve,
  index: number,
  x: (milliseconds: number) => number,
  y: (recall: number) => number,
) {
  const colour = colours[index % colours.length] ?? ''
  const look = `class="curve" stroke="${colour}" stroke-dasharray="${dashes[index % dashes.length] ?? ''}"`
  const path = line<CurvePoint>(
    ({ milliseconds }) => x(milliseconds),
    ({ recall }) => y(recall),
  ).digits(2)
  const aside =
    index % 2 === 0 ? ({ anchor: 'end', x: -6, y: -5 } as const) : ({ anchor: 'start', x: 6, y: 14 } as const)
  const dots = points.map(({ milliseconds, recall, depth }) => {
    const [cx, cy] = [x(milliseconds), y(recall)]
    const dot = `<circle cx="${coordinate(cx)}" cy="${coordinate(cy)}" r="3.5" fill="${colour}"/>`
    return dot + text(String(depth), cx + aside.x, cy + aside.y, { anchor: aside.anchor, small: true, colour })
  })
  const at = frame.top + 10 + index * 22
  const swatch = `<line x1="${frame.right + 14}" y1="${at}" x2="${frame.right + 42}" y2="${at}" ${look}/>`
  const legend = swatch + text(name, frame.right + 50, at + 4, { anchor: 'start', small: true })
  return `<path d="${path(points) ?? ''}" ${look}/>${dots.join('')}${legend}`
}

/** Ticks of a logarithmic scale that leave room for their labels: 1, 2 and 5 times the powers of ten. */
const roundTicks = (ticks: readonly number[]): number[] => ticks.filter((tick) => /^[125]/.test(tick.toExponential()))

/** Recall@10 over the median latency of a search, one line a curve; as an SVG document. */
export function recallPlot(curves: readonly Curve[], title: string): string {
  const points = curves.flatMap((curve) => curve.points)
  const times = points.map(({ milliseconds }) => milliseconds)
  const x = scaleLog([Math.min(...times) * 0.8, Math.max(...times) * 1.2], [frame.left, frame.right])
  const least = Math.min(0.95, ...points.map(({ recall }) => recall))
  const y = scaleLinear([Math.floor(least * 20) / 20, 1], [frame.bottom, frame.top])

  const bottom = roundTicks(x.ticks()).map(
    (tick) =>
      stroke(x(tick), frame.top, x(tick), frame.bottom, 'grid') +
      text(String(tick), x(tick), frame.bottom + 18, { anchor: 'middle', small: true }),
  )
  const left = y
    .ticks(6)
    .map(
      (tick) =>
        stroke(frame.left, y(tick), frame.right, y(tick), 'grid') +
        text(tick.toFixed(2), frame.left - 8, y(tick) + 4, { anchor: 'end', small: true }),
    )
  const summary = curves.map(({ name, points: dots }) => {
    const values = dots.map(({ depth, recall }) => `${depth} candidates ${recall.toFixed(3)}`)
    return `${name}: ${values.join(', ')}`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="title description">`,
    `<title id="title">${escapeMarkup(title)}</title><desc id="description">${escapeMarkup(summary.join('; '))}</desc>`,
    `<style>${style}</style><rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(title, frame.left, 24, { anchor: 'start' }),
    ...bottom,
    ...left,
    stroke(frame.left, frame.bottom, frame.right, frame.bottom, 'axis'),
    text('median latency of a search (ms, logarithmic)', (frame.left + frame.right) / 2, frame.bottom + 40, {
      anchor: 'middle',
    }),
    text('recall@10', 8, frame.top - 10, { anchor: 'start', small: true }),
    ...curves.map((curve, index) => drawn(curve, index, x, y)),
    '</svg>\n',
  ].join('\n')
}
