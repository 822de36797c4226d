import { AppError } from '../core/errors.ts'
import type { Ranking } from './top-results.ts'

/** How relevant documents are to a query, by id; below 1 is not relevant, as in trec_eval. */
export type Judgements = ReadonlyMap<string, number>

/** TREC's formats separate by white space, so no field may hold any. */
function field(text: string): string {
  if (text === '' || /\s/.test(text)) {
    throw new AppError(
      'invalid-request',
      `"${text}" cannot stand in a TREC file: fields hold no white space and are not empty.`,
    )
  }
  return text
}

/** Nine significant digits name a 32-bit score exactly, so that trec_eval sees the same ties. */
const scoreText = (score: number): string => String(Number(score.toPrecision(9)))

/**
 * The lines of a TREC run, `qid Q0 docid rank score tag`, each with its newline; ranks count from 1. Give it to a stream as
 * it is (`Readable.from`): it holds one query at a time. Throws `invalid-request` for an id or a tag with white space.
 */
export function* trecRunLines(rankings: Iterable<Ranking>, tag: string): Generator<string> {
  const lastField = field(tag)
  for (const { queryId, results } of rankings) {
    const query = field(queryId)
    for (const [index, { id, score }] of results.entries()) {
      yield `${query} Q0 ${field(id)} ${index + 1} ${scoreText(score)} ${lastField}\n`
    }
  }
}

/** The lines of TREC judgements, `qid 0 docid grade`, each with its newline. Throws `invalid-request` as `trecRunLines`. */
export function* qrelsLines(judgements: Iterable<readonly [queryId: string, judged: Judgements]>): Generator<string> {
  for (const [queryId, judged] of judgements) {
    const query = field(queryId)
    for (const [id, grade] of judged) yield `${query} 0 ${field(id)} ${grade}\n`
  }
}
