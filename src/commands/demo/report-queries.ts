import { escapeMarkup } from './markup.ts'
import { thumbnailAddress } from './square-picture.ts'
import type { StoryHit, StoryQuery } from './story.ts'

const THUMBNAIL_SIDE = 280
const PICTURES = 5

const marks = { match: '✓', miss: '✗', unknown: '' } as const
const spoken = { match: 'matches the query', miss: 'does not match the query', unknown: '' } as const

function verdictOf({ relevant }: StoryHit): keyof typeof marks {
  if (relevant === null) return 'unknown'
  return relevant ? 'match' : 'miss'
}

async function hitItem(hit: StoryHit): Promise<string> {
  const verdict = verdictOf(hit)
  const caption = escapeMarkup(hit.captions[0] ?? '')
  const address = await thumbnailAddress(hit.picture, THUMBNAIL_SIDE)
  const alternative = caption === '' ? 'a picture without a caption' : caption
  const picture = address === null ? '<span>no picture</span>' : `<img src="${address}" alt="${alternative}">`
  const mark =
    verdict === 'unknown'
      ? ''
      : `<span class="mark" role="img" aria-label="${spoken[verdict]}">${marks[verdict]}</span>`
  return `<li class="hit ${verdict}"><div class="square">${picture}${mark}</div><b>${hit.score.toFixed(3)}</b><span class="captions">${caption}</span></li>`
}

function tally(hits: readonly StoryHit[]): string {
  const judged = hits.filter(({ relevant }) => relevant !== null)
  const matching = judged.filter(({ relevant }) => relevant === true)
  return judged.length === 0 ? '' : `${matching.length} of ${judged.length} match`
}

async function row(name: string, all: readonly StoryHit[]): Promise<string> {
  const hits = all.slice(0, PICTURES)
  const items = await Promise.all(hits.map(hitItem))
  const found = items.length === 0 ? '<p class="nothing">nothing found</p>' : `<ol class="hits">${items.join('')}</ol>`
  return `<div class="row"><header><b>${name}</b>${tally(hits)}</header>${found}</div>`
}

/** One query with the pictures found before and after, as HTML. */
export async function querySection({ query, before, after }: StoryQuery): Promise<string> {
  const rows = [await row('Before', before), await row('After', after)]
  return `<section class="query"><h3>“${escapeMarkup(query)}”</h3>${rows.join('')}</section>`
}
