import type { Judgement } from '../../src/core/events.ts'
import { cleanJudgements, textKey } from '../../src/reranking/judgements.ts'
import type { FlickrImage } from './flickr8k-features.ts'

/** The first captions of each image as queries, each of its other captions as an answer, an image's judgements a second after those before. */
export function captionJudgements(images: readonly FlickrImage[], queriesAnImage: number): readonly Judgement[] {
  const judgements = images.flatMap(({ captions }, image) =>
    captions
      .slice(0, queriesAnImage)
      .flatMap((query) =>
        captions.map((document) => ({ query, document, relevance: 1, source: 'captions', createdAt: 1_000 * image })),
      ),
  )
  return cleanJudgements(judgements).judgements
}

/** Without those of a text that is judged: some captions were written twice. */
export function withoutTexts(judgements: readonly Judgement[], judged: readonly Judgement[]): readonly Judgement[] {
  const texts = new Set(judged.flatMap(({ query, document }) => [textKey(query), textKey(document)]))
  return judgements.filter(({ query, document }) => !texts.has(textKey(query)) && !texts.has(textKey(document)))
}
