import { normaliseCaption } from '../core/caption.ts'
import { DRAWN, type LabelledPair } from './labelled-pair.ts'

/** How many words a text may have. */
export type Bounds = { readonly least: number; readonly most: number }

export type CleaningOptions = {
  /** Default 1 to 64. */
  readonly queryWords?: Bounds
  /** Default 1 to 256. */
  readonly documentWords?: Bounds
}

/** What is left of labelled pairs, and what became of the others. */
export type CleanedPairs = {
  readonly pairs: readonly LabelledPair[]
  readonly duplicates: number
  /** Too short, too long, or no text. */
  readonly unusable: number
}

const wordsOf = (text: string): number => text.split(' ').length
const within = (text: string, { least, most }: Bounds): boolean => wordsOf(text) >= least && wordsOf(text) <= most

/** The text as everything else sees it; null where it is none. */
function normalised(text: string): string | null {
  try {
    return normaliseCaption(text)
  } catch {
    return null
  }
}

/** Which judgement of the same two texts counts: one that was made before one that was drawn, then the latest. */
const outweighs = (a: LabelledPair, b: LabelledPair): boolean => {
  if ((a.source === DRAWN) !== (b.source === DRAWN)) return b.source === DRAWN
  return a.createdAt === b.createdAt ? a.relevance > b.relevance : a.createdAt > b.createdAt
}

const keyOf = ({ query, document }: Pick<LabelledPair, 'query' | 'document'>): string =>
  `${query.toLowerCase()}\n${document.toLowerCase()}`

/**
 * Normalises texts, leaves out those that are too short or too long, and keeps one judgement of the same query and document (upper and lower
 * case are one): the latest, where a judgement wins over a drawn negative whatever its time. In the order of the first of each.
 */
export function cleanPairs(pairs: Iterable<LabelledPair>, options: CleaningOptions = {}): CleanedPairs {
  const { queryWords = { least: 1, most: 64 }, documentWords = { least: 1, most: 256 } } = options
  const kept = new Map<string, LabelledPair>()
  let [duplicates, unusable] = [0, 0]
  for (const pair of pairs) {
    const [query, document] = [normalised(pair.query), normalised(pair.document)]
    if (query === null || document === null || !within(query, queryWords) || !within(document, documentWords)) {
      unusable++
      continue
    }
    const clean = { ...pair, query, document }
    const key = keyOf(clean)
    const known = kept.get(key)
    if (known !== undefined) duplicates++
    if (known === undefined || outweighs(clean, known)) kept.set(key, clean)
  }
  return { pairs: [...kept.values()], duplicates, unusable }
}

export type TimeSplit = { readonly train: readonly LabelledPair[]; readonly development: readonly LabelledPair[] }

/**
 * The earlier pairs to learn from and the later ones to choose by, as a reranker meets queries that come after its training: about `share`
 * of the pairs (default 0.15) is for development. A query's pairs stay together, at the time of its first; texts that differ in case
 * are one query.
 */
export function splitByTime(pairs: readonly LabelledPair[], share = 0.15): TimeSplit {
  const byQuery = new Map<string, LabelledPair[]>()
  for (const pair of pairs) {
    const key = pair.query.toLowerCase()
    const own = byQuery.get(key)
    if (own === undefined) byQuery.set(key, [pair])
    else own.push(pair)
  }
  const first = (own: readonly LabelledPair[]): number => own.reduce((least, { createdAt }) => Math.min(least, createdAt), Infinity) // prettier-ignore
  const groups = [...byQuery].map(([query, own]) => ({ query, own, time: first(own) }))
  groups.sort((a, b) => a.time - b.time || (a.query < b.query ? -1 : 1))
  const wanted = pairs.length * (1 - share)
  const train: LabelledPair[] = []
  const development: LabelledPair[] = []
  for (const { own } of groups) {
    // The query across the border goes to where more of it lies.
    const isEarlier = development.length === 0 && train.length + own.length / 2 <= wanted
    for (const pair of own) (isEarlier ? train : development).push(pair)
  }
  return { train, development }
}
