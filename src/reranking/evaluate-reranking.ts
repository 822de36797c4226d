import { measureQuery, meanMeasures, type MeasureName, type Measures } from '../evaluation/measures.ts'
import { differencesOf, meanDifference, type PairedImage, type PairedScores } from '../evaluation/paired-scores.ts'
import { pairedTTest } from '../evaluation/paired-t-test.ts'
import { randomisationTest } from '../evaluation/randomisation-test.ts'
import type { Reranker } from '../ports/reranker.ts'
import { textKey } from './judgements.ts'

/** What a first stage found for a query. */
export type CandidateList = {
  readonly query: string
  /** Lists of one group, such as those of the captions of one picture, are not independent, so tests resample groups. */
  readonly group: string
  /** Texts, best first. */
  readonly candidates: readonly string[]
  /** All documents that answer the query, found or not, by `textKey`. */
  readonly relevant: ReadonlySet<string>
}

/** What is compared, and what the field reports of rerankers on data of its own. */
export const FIELD_FIGURES = { ndcg_10: 0.85, reciprocal_rank: 0.75, average_precision: 0.7 } as const
export type ComparedMeasure = keyof typeof FIELD_FIGURES
export const comparedMeasures = Object.keys(FIELD_FIGURES) as ComparedMeasure[]

/** How a measure changed: the mean difference of a query, and both tests' two-sided p-values. */
export type RerankingChange = {
  readonly difference: number
  readonly pairedTTest: number
  readonly randomisationTest: number
}
export type RerankingChanges = Readonly<Record<ComparedMeasure, RerankingChange>>

export type RerankingEvaluation = {
  readonly queries: number
  /** In the first stage's order. Hits@k is `success_k`, recall@k `recall_fraction_k`, MRR `reciprocal_rank`, MAP `average_precision`. */
  readonly unranked: Measures
  readonly champion: Measures | null
  readonly challenger: Measures
  readonly overUnranked: RerankingChanges
  readonly overChampion: RerankingChanges | null
}

type Rank = Reranker['rank']

/** Items by falling score; those of equal score, or without one, stay in their order, the latter last. */
export const reordered = <Item>(items: readonly Item[], scores: readonly number[]): Item[] =>
  items
    .map((item, place) => ({ item, place, score: scores[place] ?? -Infinity }))
    .sort((a, b) => (a.score === b.score ? a.place - b.place : b.score - a.score))
    .map(({ item }) => item)

/** The measures of one ordering; relevant documents that the first stage missed count as missed. */
export function measureList({ relevant }: CandidateList, order: readonly string[]): Measures {
  const found = order.flatMap((text, place) => (relevant.has(textKey(text)) ? [{ rank: place + 1, gain: 1 }] : []))
  return measureQuery(found, Array<number>(relevant.size).fill(1))
}

type Measured = { readonly group: string; readonly measures: Measures }

/**
 * Measures each list as the first stage ordered it, as the challenger does and, where there is one, as the champion does, a list at a time,
 * and compares the challenger with both.
 */
export async function evaluateReranking(
  lists: readonly CandidateList[],
  challenger: Rank,
  champion: Rank | null = null,
): Promise<RerankingEvaluation> {
  const ranked = async (rank: Rank): Promise<Measured[]> => {
    const measured: Measured[] = []
    for (const list of lists) {
      const scores = await rank(list.query, list.candidates)
      measured.push({ group: list.group, measures: measureList(list, reordered(list.candidates, scores)) })
    }
    return measured
  }
  const before = lists.map((list) => ({ group: list.group, measures: measureList(list, list.candidates) }))
  const after = await ranked(challenger)
  const known = champion === null ? null : await ranked(champion)
  return {
    queries: lists.length,
    unranked: meanOf(before),
    champion: known === null ? null : meanOf(known),
    challenger: meanOf(after),
    overUnranked: changesOf(before, after),
    overChampion: known === null ? null : changesOf(known, after),
  }
}

const meanOf = (measured: readonly Measured[]): Measures => meanMeasures(measured.map(({ measures }) => measures))

function changesOf(before: readonly Measured[], after: readonly Measured[]): RerankingChanges {
  const changes = comparedMeasures.map((name): [ComparedMeasure, RerankingChange] => {
    const scores = pairedByGroup(name, before, after)
    const difference = meanDifference(differencesOf(scores))
    return [name, { difference, pairedTTest: pairedTTest(scores).pValue, randomisationTest: randomisationTest(scores) }]
  })
  return Object.fromEntries(changes) as Record<ComparedMeasure, RerankingChange>
}

/** The two orderings of the same lists, by group. */
function pairedByGroup(name: MeasureName, before: readonly Measured[], after: readonly Measured[]): PairedScores {
  const byGroup = new Map<string, { champion: number; challenger: number; queries: number }>()
  for (const [index, { group, measures }] of before.entries()) {
    const sums = byGroup.get(group) ?? { champion: 0, challenger: 0, queries: 0 }
    sums.champion += measures[name]
    sums.challenger += after[index]?.measures[name] ?? 0
    sums.queries++
    byGroup.set(group, sums)
  }
  const images = [...byGroup].map(([imageId, { champion, challenger, queries }]): PairedImage => {
    return { imageId, queries, champion: champion / queries, challenger: challenger / queries }
  })
  return { label: name, images }
}
