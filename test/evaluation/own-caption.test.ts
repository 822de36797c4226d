import { describe, expect, it } from 'vitest'
import { isSameCaption, otherCaptions, withoutOwnCaption } from '../../src/evaluation/own-caption.ts'
import { measureRun, type Result } from '../../src/evaluation/retrieval-metrics.ts'

type Caption = { readonly imageId: string; readonly caption: string }

/** Two captions each; the first of every picture is shared with the next picture, letter for letter or nearly so. */
const captions: readonly Caption[] = Array.from({ length: 40 }, (_, index) => [
  { imageId: `i${index}`, caption: index % 2 === 0 ? `scene ${index} at dawn` : `Scene ${index - 1},  at dawn!` },
  { imageId: `i${index}`, caption: `only picture ${index} looks so` },
]).flat()

/** An index that sees nothing: it finds a caption by its exact words, and nothing else. */
const exactMatch = (query: string): Caption[] => captions.filter(({ caption }) => isSameCaption(caption, query))

function measureExactMatch(prepare: (hits: readonly Caption[], query: string) => readonly Caption[]) {
  const run = new Map<string, Result[]>()
  const judgements = new Map<string, Map<string, number>>()
  for (const [index, { imageId, caption }] of captions.entries()) {
    const images = new Set(prepare(exactMatch(caption), caption).map((hit) => hit.imageId))
    run.set(
      `c${index}`,
      [...images].map((id) => ({ id, score: 1 })),
    )
    judgements.set(`c${index}`, new Map([[imageId, 1]]))
  }
  return measureRun(run, judgements).means
}

describe('withoutOwnCaption', () => {
  it('leaves an exact-match index with nothing to gain', () => {
    const cheating = measureExactMatch((hits) => hits)
    expect(cheating.success_10).toBe(1)
    const fair = measureExactMatch(withoutOwnCaption)
    expect(Object.values(fair)).toEqual(Object.values(fair).map(() => 0))
  })

  it('removes identical captions of other images too, and keeps the rest in order', () => {
    const hits = [
      { id: 1, caption: 'A dog runs.' },
      { id: 2, caption: 'a dog runs on sand' },
      { id: 3, caption: 'a  DOG runs' },
      { id: 4, caption: 'a cat' },
    ]
    expect(withoutOwnCaption(hits, 'a dog runs').map(({ id }) => id)).toEqual([2, 4])
  })
})

it('leaves a reranker only the other captions of an image', () => {
  expect(otherCaptions(['A dog runs.', 'a brown dog', 'a dog runs'], 'a dog runs')).toEqual(['a brown dog'])
})
