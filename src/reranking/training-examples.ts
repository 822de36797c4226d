import type { Judgement } from '../core/events.ts'
import { isRelevant } from '../core/judgement.ts'
import type { Random } from '../core/random.ts'
import { randomStream, shuffle } from '../training/random.ts'
import { distinctTexts, nearestDocuments, type VectorOf } from './first-stage.ts'
import { textKey } from './judgements.ts'

/** Two texts, and whether the one answers the other: judged, or drawn. */
export type TrainingExample = { readonly query: string; readonly document: string; readonly isRelevant: boolean }

/** Of the negatives that are drawn: those that the sentence encoder takes for near. */
const HARD_SHARE = 0.25

type ExampleOptions = {
  /** Of positives among all examples. Default 0.3. */
  readonly positiveShare?: number
  readonly vectorOf: VectorOf
  /** Negatives of a query are found among the documents of so many neighbouring queries, as many as it competes with where it is used. */
  readonly documentsAtOnce: number
  readonly seed: number
}

/** A query with what was judged of it. */
type Judged = { readonly query: string; readonly judgements: Judgement[] }

function byQuery(judgements: readonly Judgement[]): readonly Judged[] {
  const groups = new Map<string, Judged>()
  for (const judgement of judgements) {
    const key = textKey(judgement.query)
    const group = groups.get(key) ?? { query: judgement.query, judgements: [] }
    group.judgements.push(judgement)
    groups.set(key, group)
  }
  return [...groups.values()]
}

/** Neighbours that have `documentsAtOnce` documents between them. */
function* inPools(queries: readonly Judged[], documentsAtOnce: number): Generator<readonly Judged[]> {
  let pool: Judged[] = []
  const documents = new Set<string>()
  for (const judged of queries) {
    pool.push(judged)
    for (const { document } of judged.judgements) documents.add(textKey(document))
    if (documents.size < documentsAtOnce) continue
    yield pool
    pool = []
    documents.clear()
  }
  if (pool.length > 0) yield pool
}

/**
 * Examples of which `positiveShare` are positive: where there are too many judged negatives a sample of them is kept, where there are too
 * few others are drawn, for each query in proportion to its positives, of what nobody judged for it: some from what the sentence encoder
 * finds, the others from anywhere, or a text that has nothing to do with the query would be like none that was learned. Everything follows
 * from the seed. Where documents run out, there are fewer negatives.
 */
export function trainingExamples(judgements: readonly Judgement[], options: ExampleOptions): TrainingExample[] {
  const { positiveShare = 0.3, seed } = options
  const examples = judgements.map((judgement): TrainingExample => {
    const { query, document } = judgement
    return { query, document, isRelevant: isRelevant(judgement) }
  })
  const positives = examples.filter((example) => example.isRelevant)
  const negatives = examples.filter((example) => !example.isRelevant)
  const wanted = Math.round((positives.length * (1 - positiveShare)) / positiveShare)
  const random = randomStream(seed)
  if (negatives.length >= wanted) return [...positives, ...sample(negatives, wanted, random)]
  return [...positives, ...negatives, ...drawNegatives(judgements, wanted - negatives.length, options, random)]
}

function sample<T>(all: readonly T[], count: number, random: Random): T[] {
  const order = shuffle(Uint32Array.from(all.keys()), random)
  return Array.from(order.subarray(0, count), (index) => all[index] as T)
}

/** A few of many: most draws are new, so shuffling them all would be a waste. */
function drawFrom(
  documents: readonly string[],
  count: number,
  isFree: (document: string) => boolean,
  random: Random,
): string[] {
  const drawn = new Set<string>()
  for (let tries = 0; drawn.size < count && tries < 20 * count; tries++) {
    const document = documents[random.below(documents.length)] ?? ''
    if (isFree(document)) drawn.add(document)
  }
  return [...drawn]
}

function drawNegatives(
  judgements: readonly Judgement[],
  missing: number,
  { vectorOf, documentsAtOnce }: ExampleOptions,
  random: Random,
): TrainingExample[] {
  const relevant = judgements.filter(isRelevant).length
  const drawn: TrainingExample[] = []
  let seen = 0
  let due = 0
  for (const pool of inPools(byQuery(judgements), documentsAtOnce)) {
    const documents = distinctTexts(pool.flatMap((judged) => judged.judgements.map(({ document }) => document)))
    const nearest = nearestDocuments(pool.map(({ query }) => query), documents, vectorOf) // prettier-ignore
    for (const { query, judgements: own } of pool) {
      seen += own.filter(isRelevant).length
      const count = Math.round((missing * seen) / relevant) - due
      due += count
      const taken = new Set([query, ...own.map(({ document }) => document)].map(textKey))
      const isFree = (document: string): boolean => !taken.has(textKey(document))
      const hard = sample((nearest.get(query) ?? []).filter(isFree), Math.round(count * HARD_SHARE), random)
      for (const document of hard) taken.add(textKey(document))
      const others = drawFrom(documents, count - hard.length, isFree, random)
      for (const document of [...hard, ...others]) drawn.push({ query, document, isRelevant: false })
    }
  }
  return drawn
}
