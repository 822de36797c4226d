import type { Judgement } from '../core/events.ts'
import { isRelevant } from '../core/judgement.ts'
import { rankDocuments } from '../evaluation/top-results.ts'
import type { CandidateList } from './evaluate-reranking.ts'
import { groupQueries, textKey } from './judgements.ts'

/** The vector of a text by the sentence encoder, of unit length. */
export type VectorOf = (text: string) => Float32Array

/** How many documents are found for a query, to be put in a better order. */
export const CANDIDATES = 50

/** Beyond those that are wanted, for texts that read as the query does. */
const SPARE = 5

/** Every text once, whatever its case, in the order of the first of each. */
export const distinctTexts = (texts: Iterable<string>): string[] => {
  const known = new Map<string, string>()
  for (const text of texts) if (!known.has(textKey(text))) known.set(textKey(text), text)
  return [...known.values()]
}

/** For each query the `depth` documents nearest to it by the cosine of their sentences, best first, without what reads as it does. */
export function nearestDocuments(
  queries: readonly string[],
  documents: readonly string[],
  vectorOf: VectorOf,
  depth = CANDIDATES,
): ReadonlyMap<string, readonly string[]> {
  const embedded = (texts: readonly string[]) =>
    texts.map((text, index) => ({ id: String(index), vector: vectorOf(text) }))
  const nearest = new Map<string, readonly string[]>()
  for (const { queryId, results } of rankDocuments(embedded(queries), embedded(documents), depth + SPARE)) {
    const query = queries[Number(queryId)] ?? ''
    const found = results.map(({ id }) => documents[Number(id)] ?? '')
    nearest.set(query, found.filter((document) => textKey(document) !== textKey(query)).slice(0, depth))
  }
  return nearest
}

/**
 * What the sentence encoder finds for each judged query among all judged documents, with what was judged to be an answer. Queries to which
 * nothing is an answer say nothing about an order, and have no list; of more than `most` queries every so manieth has one. A list's group is
 * that of `groupQueries`.
 */
export function candidateLists(judgements: readonly Judgement[], vectorOf: VectorOf, most = Infinity): CandidateList[] {
  const documents = distinctTexts(judgements.map(({ document }) => document))
  const answers = new Map<string, { readonly query: string; readonly group: string; readonly relevant: Set<string> }>()
  for (const [group, { judgements: own }] of groupQueries(judgements).entries()) {
    for (const judgement of own) {
      if (!isRelevant(judgement)) continue
      const key = textKey(judgement.query)
      const known = answers.get(key) ?? { query: judgement.query, group: String(group), relevant: new Set() }
      known.relevant.add(textKey(judgement.document))
      answers.set(key, known)
    }
  }
  const step = Math.max(1, Math.ceil(answers.size / most))
  const lists = [...answers.values()].filter((_, index) => index % step === 0)
  const nearest = nearestDocuments(lists.map(({ query }) => query), documents, vectorOf) // prettier-ignore
  return lists.map((list) => ({ ...list, candidates: nearest.get(list.query) ?? [] }))
}
