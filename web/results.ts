import type { Hit, Mode, Target } from './api.ts'
import { counted, element, hideBroken } from './elements.ts'

const scoreNames: Readonly<Record<Mode, string>> = {
  vector: 'Cosine similarity',
  text: 'Word score (bm25)',
  hybrid: 'Fused ranks',
}

/** The bar of a score, as a share of the best one; the number beside it is the score itself. */
export function scoreBar(score: number, best: number, mode: Mode): HTMLElement {
  const share = best > 0 ? Math.max(0, Math.min(1, score / best)) : 0
  const name = scoreNames[mode]
  const fill = element('span', { class: 'score-fill' })
  fill.style.width = `${(share * 100).toFixed(1)}%`
  return element(
    'span',
    { class: 'score', title: `${name}; the bar is relative to the best result` },
    element('span', { class: 'score-track', 'aria-hidden': 'true' }, fill),
    element('span', { class: 'score-number', 'data-testid': 'result-score' }, score.toFixed(3)),
  )
}

/** What a picture shows, in the words of its captions. */
export const describe = (hit: Hit): string => hit.caption ?? hit.captions[0]?.caption ?? 'A picture without a caption'

/** The card of a hit: a button that opens its detail. */
export function resultCard(
  hit: Hit,
  context: { target: Target; mode: Mode; best: number; rank: number; open: () => void },
): HTMLElement {
  const captionless = hit.captions.length === 0
  return element(
    'button',
    { type: 'button', class: `card card-${context.target}`, 'data-testid': 'result', onclick: context.open },
    element('span', { class: 'thumbnail' }, picture(hit, context.rank)),
    element(
      'span',
      { class: 'card-text' },
      element('span', { class: captionless ? 'caption captionless' : 'caption' }, describe(hit)),
      scoreBar(hit.score, context.best, context.mode),
      ...alike(hit),
    ),
  )
}

function alike({ duplicates }: Hit): HTMLElement[] {
  const count = duplicates?.length ?? 0
  if (count === 0) return []
  return [
    element('span', { class: 'alike', 'data-testid': 'alike' }, `and ${counted(count, 'picture')} almost the same`),
  ]
}

function picture(hit: Hit, rank: number): HTMLElement {
  // The caption beside it already says what it shows; the first row is wanted at once.
  const loading = rank < 8 ? 'eager' : 'lazy'
  const [small = hit.image, large = hit.image] = [320, 640].map((width) => `${hit.image}?width=${width}`)
  const sources = { src: small, srcset: `${small} 1x, ${large} 2x` }
  return element('img', { ...sources, alt: '', loading, decoding: 'async', onerror: hideBroken })
}
