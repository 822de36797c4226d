import { printable } from '../terminal-text.ts'
import { fitLines } from './fit-text.ts'
import { coordinate } from './markup.ts'
import type { StoryHit, StoryQuery } from './story.ts'
import { textMarkup, type Lettering } from './stroke-text.ts'

/** What is written beside the two rows, usually which model answered. */
export type RowLabels = { readonly before: string; readonly after: string }

/** Where a picture goes: the corner of its square, in pixels. */
export type PicturePlace = { readonly hit: StoryHit; readonly left: number; readonly top: number }

/** A sheet to be drawn: what lies under the pictures, the pictures, and the marks over them. */
type Sheet = {
  readonly width: number
  readonly height: number
  readonly ground: string
  readonly pictures: readonly PicturePlace[]
  readonly marks: string
}

export const SIDE = 218
export const RADIUS = 12

const WIDTH = 1400
const MARGIN = 48
const GUTTER = 136
const GAP = (WIDTH - 2 * MARGIN - GUTTER - 5 * SIDE) / 4
const ROW = SIDE + 112
const LEFT = MARGIN + GUTTER
const PICTURES = 5
const QUERIES = 3

const ink = '#14181f'
const quiet = '#5d6673'
const faint = '#dfe3e8'
const good = '#16803c'
const bad = '#b4343c'

type Part = { readonly ground: string; readonly pictures: readonly PicturePlace[]; readonly marks: string }

const words = (text: string, x: number, y: number, type: Partial<Lettering> & Pick<Lettering, 'size'>): string =>
  textMarkup(text, x, y, { fill: ink, weight: 400, anchor: 'start', ...type })

/** A tick on green or a cross on red over the corner of a picture; nothing where nobody knows. */
function badge(relevant: boolean | null, left: number, top: number): string {
  if (relevant === null) return ''
  const [x, y] = [left + SIDE - 24, top + 24]
  const sign = relevant ? `M${x - 7} ${y}l5 6 9 -11` : `M${x - 5} ${y - 5}l10 10m0 -10l-10 10`
  return (
    `<circle cx="${x}" cy="${y}" r="17" fill="${relevant ? good : bad}" stroke="#fff" stroke-width="3"/>` +
    `<path d="${sign}" fill="none" stroke="#fff" stroke-width="3.2" stroke-linecap="round" stroke-linejoin="round"/>`
  )
}

const frameOf = (relevant: boolean | null): string => {
  if (relevant === true) return `stroke="${good}" stroke-width="5"`
  return relevant === false ? 'stroke="#c3c8cf" stroke-width="3"' : `stroke="${faint}" stroke-width="2"`
}

function card(hit: StoryHit, index: number, top: number): Part {
  const left = LEFT + index * (SIDE + GAP)
  const square = `x="${coordinate(left)}" y="${top}" width="${SIDE}" height="${SIDE}" rx="${RADIUS}"`
  const caption = fitLines(printable(hit.captions[0] ?? ''), SIDE, 15, 2)
  return {
    ground:
      `<rect ${square} fill="#eef0f3"/>` +
      words('no picture', left + SIDE / 2, top + SIDE / 2 + 6, { size: 16, fill: quiet, anchor: 'middle' }) +
      words(hit.score.toFixed(3), left, top + SIDE + 30, { size: 20, weight: 600 }) +
      // An inner svg clips: a font wider than was reckoned with may not run into the next card.
      `<svg x="${coordinate(left)}" y="${top + SIDE + 38}" width="${SIDE}" height="46">` +
      caption.map((line, at) => words(line, 0, 16 + 20 * at, { size: 15, fill: quiet })).join('') +
      '</svg>',
    pictures: [{ hit, left: Math.round(left), top }],
    marks: `<rect ${square} fill="none" ${frameOf(hit.relevant)}/>${badge(hit.relevant, Math.round(left), top)}`,
  }
}

/** `2 of 5 match`, or nothing where nobody can say. */
function tally(hits: readonly StoryHit[]): string {
  const judged = hits.filter(({ relevant }) => relevant !== null)
  if (judged.length === 0) return ''
  return `${judged.filter(({ relevant }) => relevant === true).length} of ${judged.length} match`
}

const join = (parts: readonly Part[]): Part => ({
  ground: parts.map(({ ground }) => ground).join(''),
  pictures: parts.flatMap(({ pictures }) => pictures),
  marks: parts.map(({ marks }) => marks).join(''),
})

function row(name: string, label: string, all: readonly StoryHit[], top: number): Part {
  const hits = all.slice(0, PICTURES)
  const matches = tally(hits)
  const labels = fitLines(printable(label), GUTTER - 20, 15, 3)
  const labelsTop = top + (matches === '' ? 58 : 88)
  const side =
    words(name, MARGIN, top + 28, { size: 24, weight: 700 }) +
    words(matches, MARGIN, top + 58, { size: 16, weight: 600, fill: quiet }) +
    labels.map((line, index) => words(line, MARGIN, labelsTop + 21 * index, { size: 15, fill: quiet })).join('')
  if (hits.length > 0)
    return join([{ ground: side, pictures: [], marks: '' }, ...hits.map((hit, at) => card(hit, at, top))])
  const width = WIDTH - MARGIN - LEFT
  const box = `<rect x="${LEFT}" y="${top}" width="${width}" height="${SIDE}" rx="${RADIUS}" fill="none" stroke="#c3c8cf" stroke-width="2" stroke-dasharray="8 8"/>`
  const nothing = words('nothing found', LEFT + width / 2, top + SIDE / 2 + 8, {
    size: 22,
    fill: quiet,
    anchor: 'middle',
  })
  return { ground: side + box + nothing, pictures: [], marks: '' }
}

/** One query with its two rows, from `top` down. */
function section(
  { query, before, after }: StoryQuery,
  labels: RowLabels,
  top: number,
): Part & { readonly bottom: number } {
  const heading = fitLines(`“${printable(query)}”`, WIDTH - 2 * MARGIN, 36, 2)
  const rows = top + 62 + 46 * heading.length
  const rule = `<path d="M${MARGIN} ${top}H${WIDTH - MARGIN}" stroke="${faint}" stroke-width="2"/>`
  const title = heading
    .map((line, index) => words(line, MARGIN, top + 66 + 46 * index, { size: 36, weight: 700 }))
    .join('')
  const parts = [
    { ground: rule + title, pictures: [], marks: '' },
    row('Before', labels.before, before, rows),
    row('After', labels.after, after, rows + ROW),
  ]
  return { ...join(parts), bottom: rows + 2 * ROW + 6 }
}

const svg = (height: number, content: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif">${content}</svg>`

/** Lays out up to three queries, each with up to five pictures before and five after. */
export function layOutSheet(queries: readonly StoryQuery[], labels: RowLabels): Sheet {
  const sections: Part[] = []
  let bottom = 118
  for (const query of queries.slice(0, QUERIES)) {
    const next = section(query, labels, bottom)
    sections.push(next)
    bottom = next.bottom
  }
  const title =
    words('The same search, before and after', MARGIN, 76, { size: 24, weight: 600 }) +
    words('best five pictures, score beneath', WIDTH - MARGIN, 76, { size: 18, fill: quiet, anchor: 'end' })
  const none = words('No query was asked.', MARGIN, 150, { size: 22, fill: quiet })
  const { ground, pictures, marks } = join(sections)
  const height = sections.length === 0 ? 200 : bottom + 20
  const paper = `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`
  return {
    width: WIDTH,
    height,
    ground: svg(height, paper + title + (sections.length === 0 ? none : ground)),
    pictures,
    marks: svg(height, marks),
  }
}
