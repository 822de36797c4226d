import { openSentenceEncoder } from '../../src/models/pretrained/sentence-encoder.ts'
import type { Reranker } from '../../src/ports/reranker.ts'
import type { CandidateList } from '../../src/reranking/evaluate-reranking.ts'
import { scoreExamples } from '../../src/reranking/score-examples.ts'
import { openTokenStates, writeTokenStates } from '../../src/reranking/token-states-file.ts'
import type { TrainedReranker } from '../../src/reranking/train-reranker.ts'
import { progress } from './machine.ts'

type Scored = Pick<TrainedReranker, 'shape' | 'weights'>

/**
 * A reranker's scores of these lists without reading a caption more than once: it is in many lists, and the encoder takes nearly all of the
 * time. States come from `path`, or are written there.
 */
export async function scoresOfLists(
  { shape, weights }: Scored,
  lists: readonly CandidateList[],
  encoderFolder: string,
  path: string,
  threads: number,
): Promise<Reranker['rank']> {
  const texts = [...new Set(lists.flatMap(({ query, candidates }) => [query, ...candidates.map(({ text }) => text)]))]
  const encoder = await openSentenceEncoder(encoderFolder, { threads })
  const onText = (written: number) => {
    if (written % 1024 < 256) progress(`${written} of ${texts.length} validation captions are read`)
  }
  await writeTokenStates(path, texts, encoder, { maxTokens: shape.maxTokens, onText })
  await encoder.close()
  const states = await openTokenStates(path)
  const number = new Map(texts.map((text, index) => [text, index]))
  const all = lists.flatMap(({ query, candidates }) => candidates.map(({ text }) => ({ query, text })))
  const scores = await scoreExamples(
    shape,
    weights,
    states,
    {
      queries: Uint32Array.from(all, ({ query }) => number.get(query) ?? 0),
      documents: Uint32Array.from(all, ({ text }) => number.get(text) ?? 0),
      targets: new Float32Array(all.length),
    },
    threads,
  )
  states.close()
  const key = (query: string, document: string): string => `${query}\n${document}`
  const known = new Map(all.map(({ query, text }, index) => [key(query, text), scores[index] ?? Number.NaN]))
  return async (query, documents) => documents.map((document) => known.get(key(query, document)) ?? Number.NaN)
}

/** The largest difference between what a reranker gives and `expected`, over these lists. States in the file are of half precision. */
export async function largestDifference(
  reranker: Reranker,
  expected: Reranker['rank'],
  lists: readonly CandidateList[],
): Promise<number> {
  let largest = 0
  for (const { query, candidates } of lists) {
    const documents = candidates.map(({ text }) => text)
    const [given, wanted] = [await reranker.rank(query, documents), await expected(query, documents)]
    for (const [i, score] of given.entries()) largest = Math.max(largest, Math.abs(score - (wanted[i] ?? Number.NaN)))
  }
  return largest
}
