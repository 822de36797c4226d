import { coordinate, escapeMarkup } from '../markup.ts'

/** A chart with the words it needs: what it is, what it shows, and what somebody who cannot see it is told. */
export type Chart = {
  readonly title: string
  /** What can be read off it, in one short sentence. */
  readonly sentence: string
  /** Takes the place of the drawing for a screen reader. */
  readonly description: string
  readonly width: number
  readonly height: number
  /** SVG elements. */
  readonly content: string
}

/** A chart as an HTML figure; `className` tells the style sheet how wide it may grow. */
export function figure({ title, sentence, description, width, height, content }: Chart, className = 'panel'): string {
  const drawing =
    `<svg viewBox="0 0 ${coordinate(width)} ${coordinate(height)}" role="img" aria-label="${escapeMarkup(`${title}. ${description}`)}">` +
    `<title>${escapeMarkup(title)}</title><desc>${escapeMarkup(description)}</desc>${content}</svg>`
  return (
    `<figure class="${className}"><figcaption><h3>${escapeMarkup(title)}</h3><p>${escapeMarkup(sentence)}</p></figcaption>` +
    `<div class="drawing">${drawing}</div></figure>`
  )
}

type Place = { readonly anchor?: 'start' | 'middle' | 'end'; readonly className?: string }

/** Words in a chart. */
export function label(text: string, x: number, y: number, { anchor = 'start', className = '' }: Place = {}): string {
  const style = className === '' ? '' : ` class="${className}"`
  return `<text x="${coordinate(x)}" y="${coordinate(y)}" text-anchor="${anchor}"${style}>${escapeMarkup(text)}</text>`
}

/** A straight line in a chart. */
export const stroke = (x1: number, y1: number, x2: number, y2: number, className: string): string =>
  `<line x1="${coordinate(x1)}" y1="${coordinate(y1)}" x2="${coordinate(x2)}" y2="${coordinate(y2)}" class="${className}"/>`
