import { measureQuery, meanMeasures, type MeasureName, type Measures } from '../evaluation/measures.ts'
import { differencesOf, meanDifference, type PairedImage, type PairedScores } from '../evaluation/paired-scores.ts'
import { pairedTTest } from '../evaluation/paired-t-test.ts'
import { randomisationTest } from '../evaluation/randomisation-test.ts'
import type { Reranker } from '../ports/reranker.ts'

/** What a first stage found for a query, best first. */
export type CandidateList = {
  readonly query: string
  /** What the query belongs to: lists of one image are not independent, so tests resample images. */
  readonly imageId: string
  readonly candidates: readonly { readonly id: string; readonly text: string }[]
  /** Ids of all documents that answer it, found or not. */
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

export type RerankingEvaluation = {
  readonly queries: number
  /** In the first stage's order. Hits@k is `success_k`, recall@k `recall_fraction_k`, MRR `reciprocal_rank`, MAP `average_precision`. */
  readonly before: Measures
  readonly after: Measures
  readonly changes: Readonly<Record<ComparedMeasure, RerankingChange>>
}

/** The candidates by falling score; those of equal score stay in the first stage's order. */
export const reordered = <Candidate>(candidates: readonly Candidate[], scores: readonly number[]): Candidate[] =>
  candidates
    .map((candidate, place) => ({ candidate, place, score: scores[place] ?? -Infinity }))
    .sort((a, b) => b.score - a.score || a.place - b.place)
    .map(({ candidate }) => candidate)

/** The measures of one ordering; relevant documents that the first stage missed count as missed. */
export function measureList({ relevant }: CandidateList, order: CandidateList['candidates']): Measures {
  const found = order.flatMap(({ id }, place) => (relevant.has(id) ? [{ rank: place + 1, gain: 1 }] : []))
  return measureQuery(found, Array<number>(relevant.size).fill(1))
}

/** Measures each list as the first stage ordered it and as the reranker does, one list at a time. */
export async function evaluateReranking(
  lists: readonly CandidateList[],
  rank: Reranker['rank'],
): Promise<RerankingEvaluation> {
  const measured: Measured[] = []
  for (const list of lists) {
    const { query, imageId, candidates } = list
    const documents = candidates.map(({ text }) => text)
    const scores = await rank(query, documents)
    const [before, after] = [measureList(list, candidates), measureList(list, reordered(candidates, scores))]
    measured.push({ imageId, before, after })
  }
  const changes = comparedMeasures.map((name) => [name, changeOf(name, measured)] as const)
  return {
    queries: lists.length,
    before: meanMeasures(measured.map(({ before }) => before)),
    after: meanMeasures(measured.map(({ after }) => after)),
    changes: Object.fromEntries(changes) as Record<ComparedMeasure, RerankingChange>,
  }
}

type Measured = { readonly imageId: string; readonly before: Measures; readonly after: Measures }

function changeOf(name: MeasureName, measured: readonly Measured[]): RerankingChange {
  const scores = pairedByImage(name, measured)
  return {
    difference: meanDifference(differencesOf(scores)),
    pairedTTest: pairedTTest(scores).pValue,
    randomisationTest: randomisationTest(scores),
  }
}

/** The first stage as the champion, the reranker as its challenger. */
function pairedByImage(name: MeasureName, measured: readonly Measured[]): PairedScores {
  const byImage = new Map<string, Measured[]>()
  for (const query of measured) byImage.set(query.imageId, [...(byImage.get(query.imageId) ?? []), query])
  const images = [...byImage].map(([imageId, queries]): PairedImage => {
    const mean = (side: 'before' | 'after') => queries.reduce((sum, query) => sum + query[side][name], 0) / queries.length // prettier-ignore
    return { imageId, queries: queries.length, champion: mean('before'), challenger: mean('after') }
  })
  return { label: name, images }
}
