import { normaliseCaption } from '../core/caption.ts'
import type { Judgement } from '../core/events.ts'
import { sha256Hex } from '../core/ids.ts'
import { isRelevant } from '../core/judgement.ts'

/** How many words a text may have. */
export type Bounds = { readonly least: number; readonly most: number }

type CleaningOptions = {
  /** Default 1 to 64. */
  readonly queryWords?: Bounds
  /** Default 1 to 256. */
  readonly documentWords?: Bounds
}

/** What is left of judgements, and what became of the others. */
type CleanedJudgements = {
  readonly judgements: readonly Judgement[]
  readonly duplicates: number
  /** Too short, too long, or no text. */
  readonly unusable: number
}

/** Texts that differ in upper and lower case are one. */
export const textKey = (text: string): string => text.toLowerCase()

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

/** Which judgement of the same two texts counts: the latest. */
const outweighs = (a: Judgement, b: Judgement): boolean =>
  a.createdAt === b.createdAt ? a.relevance > b.relevance : a.createdAt > b.createdAt

/**
 * Normalises texts, leaves out those that are too short or too long, and keeps the latest judgement of the same query and document (upper
 * and lower case are one), in the order of the first of each. A query is no answer to itself: such judgements are unusable.
 */
export function cleanJudgements(all: Iterable<Judgement>, options: CleaningOptions = {}): CleanedJudgements {
  const { queryWords = { least: 1, most: 64 }, documentWords = { least: 1, most: 256 } } = options
  const kept = new Map<string, Judgement>()
  let [duplicates, unusable] = [0, 0]
  for (const judgement of all) {
    const [query, document] = [normalised(judgement.query), normalised(judgement.document)]
    const isUsable = query !== null && document !== null && textKey(query) !== textKey(document)
    if (!isUsable || !within(query, queryWords) || !within(document, documentWords)) {
      unusable++
      continue
    }
    const clean = { ...judgement, query, document }
    const key = `${textKey(query)}\n${textKey(document)}`
    const known = kept.get(key)
    if (known !== undefined) duplicates++
    if (known === undefined || outweighs(clean, known)) kept.set(key, clean)
  }
  return { judgements: [...kept.values()], duplicates, unusable }
}

/** Queries that belong together, with all that was judged of them. */
export type QueryGroup = { readonly judgements: readonly Judgement[] }

/**
 * Judgements by query, where a query that answers another one is of its group: the captions of one picture, each of them a query, are
 * one. That many queries share an answer does not join them, or all would be joined by what everybody looks for.
 */
export function groupQueries(judgements: readonly Judgement[]): QueryGroup[] {
  const leaders = new Map<string, string>()
  const leaderOf = (key: string): string => {
    let leader = key
    for (let next = leaders.get(leader); next !== undefined && next !== leader; next = leaders.get(leader))
      leader = next
    leaders.set(key, leader)
    return leader
  }
  const queries = new Set(judgements.map(({ query }) => textKey(query)))
  for (const judgement of judgements) {
    const [query, document] = [textKey(judgement.query), textKey(judgement.document)]
    if (isRelevant(judgement) && queries.has(document)) leaders.set(leaderOf(document), leaderOf(query))
  }
  const groups = new Map<string, Judgement[]>()
  for (const judgement of judgements) {
    const leader = leaderOf(textKey(judgement.query))
    const group = groups.get(leader)
    if (group === undefined) groups.set(leader, [judgement])
    else group.push(judgement)
  }
  return [...groups.values()].map((own) => ({ judgements: own }))
}

/** Judgements before a moment, and those after it. */
type TimeSplit = { readonly earlier: readonly Judgement[]; readonly later: readonly Judgement[] }

/**
 * The earlier judgements and the later ones, as a reranker meets queries that come after its training: about `share` of the judgements
 * (default 0.15) is later. A group of queries stays together, at the time of its first judgement.
 */
export function splitByTime(judgements: readonly Judgement[], share = 0.15): TimeSplit {
  const firstOf = (own: readonly Judgement[]): number => own.reduce((least, { createdAt }) => Math.min(least, createdAt), Infinity) // prettier-ignore
  const groups = groupQueries(judgements).map(({ judgements: own }) => ({ own, time: firstOf(own), lot: sha256Hex(textKey(own[0]?.query ?? '')) })) // prettier-ignore
  // Of one moment, as exports often have it, lots decide: by the alphabet the parts would differ in what they are about.
  groups.sort((a, b) => a.time - b.time || (a.lot < b.lot ? -1 : 1))
  const wanted = judgements.length * (1 - share)
  const earlier: Judgement[] = []
  const later: Judgement[] = []
  for (const { own } of groups) {
    // The group across the border goes to where more of it lies.
    const isEarlier = later.length === 0 && earlier.length + own.length / 2 <= wanted
    for (const judgement of own) (isEarlier ? earlier : later).push(judgement)
  }
  return { earlier, later }
}
