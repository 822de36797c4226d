import type { ErrorCode } from '../../core/errors.ts'
import type { Judgement } from '../../core/events.ts'
import { judgementRecord } from './judgement-record.ts'

/** A record of a source: a judgement, or what is wrong with it. `place` is where it stands, for people: `line 7`. */
export type ReadJudgement =
  | { readonly place: string; readonly judgement: Judgement }
  | { readonly place: string; readonly code: ErrorCode; readonly detail: string }

/** Judgements from somewhere, one at a time; those that cannot be read come as such, and the others still come. */
export type JudgementSource = {
  /** For people. */
  readonly describe: string
  read(signal?: AbortSignal): AsyncIterable<ReadJudgement>
}

/** What a stored record says, or the fields that are wrong. */
export function readRecord(place: string, value: unknown): ReadJudgement {
  const result = judgementRecord.safeParse(value)
  if (result.success) return { place, judgement: result.data }
  const faults = result.error.issues.map(({ path, message }) => (path.length === 0 ? 'is no JSON object' : `${path.join('.')} ${message}`)) // prettier-ignore
  return { place, code: 'source-entry-invalid', detail: `${faults.join('; ')}.` }
}
