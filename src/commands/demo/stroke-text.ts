import { coordinate, escapeMarkup } from './markup.ts'
import { accents, cedillas, glyphOf, SPACE, SPACING, UNITS_PER_EM } from './stroke-font.ts'

export type Lettering = {
  /** The em, in pixels. */
  readonly size: number
  readonly fill: string
  /** As in CSS: 400 is regular, 700 bold. */
  readonly weight: number
  readonly anchor: 'start' | 'middle' | 'end'
}

type Stroke = { readonly right: number; readonly up: number; readonly path: string }
type Strokes = { readonly width: number; readonly strokes: readonly Stroke[] }

/** How much higher accents stand over capitals. */
const OVER_CAPITALS = 3.6

/** The strokes of a line, in units of the font; null where it has a character that the font lacks. */
function strokesOf(text: string): Strokes | null {
  const strokes: Stroke[] = []
  let pen = 0
  let letter = { middle: 0, up: 0 }
  for (const character of text.normalize('NFD')) {
    const [accent, cedilla, glyph] = [accents.get(character), cedillas.get(character), glyphOf(character)]
    if (accent !== undefined) strokes.push({ right: letter.middle, up: letter.up, path: accent })
    else if (cedilla !== undefined) strokes.push({ right: letter.middle, up: 0, path: cedilla })
    else if (character === ' ') pen += SPACE + SPACING
    else if (glyph === null) return null
    else {
      letter = { middle: pen + glyph.width / 2, up: /\p{Lu}/u.test(character) ? OVER_CAPITALS : 0 }
      strokes.push({ right: pen, up: 0, path: glyph.path })
      pen += glyph.width + SPACING
    }
  }
  return { width: Math.max(0, pen - SPACING), strokes }
}

/** In units of the font: 1.55 at 400 and 2.3 at 700. */
const thickness = (weight: number): number => 1.55 + ((weight - 400) / 300) * 0.75

/**
 * A line of text as SVG, its base line at `y`. It is drawn from strokes of our own, because a machine may have no fonts at all, and
 * looks the same everywhere; a line with characters that these lack (another script) is left to the fonts of the machine.
 */
export function textMarkup(text: string, x: number, y: number, { size, fill, weight, anchor }: Lettering): string {
  const line = strokesOf(text)
  if (line === null) {
    const type = `font-size="${size}" font-weight="${weight}" fill="${fill}" text-anchor="${anchor}"`
    return `<text x="${coordinate(x)}" y="${coordinate(y)}" ${type}>${escapeMarkup(text)}</text>`
  }
  const scale = size / UNITS_PER_EM
  const before = { start: 0, middle: 0.5, end: 1 }[anchor] * line.width * scale
  const place = `transform="translate(${coordinate(x - before)} ${coordinate(y)}) scale(${coordinate(scale)})"`
  const pen = `fill="none" stroke="${fill}" stroke-width="${coordinate(thickness(weight))}" stroke-linecap="round" stroke-linejoin="round"`
  const paths = line.strokes.map(({ right, up, path }) => {
    const move = up === 0 ? coordinate(right) : `${coordinate(right)} ${coordinate(-up)}`
    return `<path transform="translate(${move})" d="${path}"/>`
  })
  return `<g ${place} ${pen} aria-label="${escapeMarkup(text)}">${paths.join('')}</g>`
}
