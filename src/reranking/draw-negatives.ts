import { randomStream, shuffle } from '../training/random.ts'
import { DRAWN, type LabelledPair } from './labelled-pair.ts'

/** The documents that a first stage ranks for a query, best first. */
export type FirstStage = (query: string) => readonly string[]

export type BalanceOptions = {
  /** Of positives among all pairs. Default 0.3. */
  readonly positiveShare?: number
  /** Negatives that nobody judged come from here as far as it goes; null: all of them are random documents. */
  readonly firstStage: FirstStage | null
  /** How many of the drawn negatives come from the first stage. Default 0.5. */
  readonly hardShare?: number
  readonly seed: number
}

/** A query with what was judged of it. */
type Judged = { readonly query: string; readonly pairs: LabelledPair[] }

function byQuery(pairs: readonly LabelledPair[]): readonly Judged[] {
  const groups = new Map<string, Judged>()
  for (const pair of pairs) {
    const key = pair.query.toLowerCase()
    const group = groups.get(key) ?? { query: pair.query, pairs: [] }
    group.pairs.push(pair)
    groups.set(key, group)
  }
  return [...groups.values()]
}

/**
 * Pairs of which `positiveShare` are positive: where there are too many negatives a sample of them is kept, where there are too few others
 * are drawn, for each query in proportion to its positives, of documents that nobody judged for it, among those of `pairs` or those
 * that the first stage ranks. Everything follows from the seed. Where documents run out, there are fewer negatives.
 */
export function balancePairs(pairs: readonly LabelledPair[], options: BalanceOptions): LabelledPair[] {
  const { positiveShare = 0.3, firstStage, hardShare = 0.5, seed } = options
  const positives = pairs.filter(({ relevance }) => relevance === 1)
  const negatives = pairs.filter(({ relevance }) => relevance === 0)
  const wanted = Math.round((positives.length * (1 - positiveShare)) / positiveShare)
  if (negatives.length >= wanted) {
    const order = shuffle(Uint32Array.from(negatives.keys()), randomStream(seed))
    return [...positives, ...Array.from(order.subarray(0, wanted), (index) => negatives[index] as LabelledPair)]
  }
  const documents = [...new Set(pairs.map(({ document }) => document))]
  const missing = wanted - negatives.length
  const drawn: LabelledPair[] = []
  let [seen, order] = [0, 0]
  for (const { query, pairs: own } of byQuery(pairs)) {
    const ofQuery = own.filter(({ relevance }) => relevance === 1)
    const [latest] = ofQuery
    order += 1
    if (latest === undefined) continue
    seen += ofQuery.length
    const count = Math.round((missing * seen) / positives.length) - drawn.length
    const judged = new Set([query, ...own.map(({ document }) => document)].map((text) => text.toLowerCase()))
    const draw = drawing(judged, seed, order)
    const hard = draw(firstStage?.(query) ?? [], Math.round(count * hardShare))
    const random = draw(documents, count - hard.length)
    for (const document of [...hard, ...random]) {
      drawn.push({ query, document, relevance: 0, source: DRAWN, createdAt: latest.createdAt })
    }
  }
  return [...positives, ...negatives, ...drawn]
}

/** Draws documents that are not `taken`, and then are. */
function drawing(taken: Set<string>, ...seeds: readonly number[]) {
  const random = randomStream(...seeds)
  return (documents: readonly string[], count: number): string[] => {
    const found: string[] = []
    const take = (document: string | undefined): void => {
      if (document === undefined || taken.has(document.toLowerCase())) return
      taken.add(document.toLowerCase())
      found.push(document)
    }
    if (count * 4 > documents.length) {
      const order = shuffle(Uint32Array.from(documents.keys()), random)
      for (const index of order) if (found.length < count) take(documents[index])
      return found
    }
    // A few of many: most draws are new, so shuffling them all would be a waste.
    for (let tries = 0; found.length < count && tries < 20 * count; tries++) take(documents[random.below(documents.length)]) // prettier-ignore
    return found
  }
}
