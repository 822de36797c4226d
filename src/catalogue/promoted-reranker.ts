import type { RerankerJudged } from '../core/events.ts'
import type { Database } from '../sqlite/database.ts'

/** The newest reranker that was promoted; null before the first. Every reranked search asks for it, so no other record is read. */
export function promotedReranker(database: Database): RerankerJudged | null {
  const row = database
    .prepare<{ value: string }>(
      `SELECT value FROM event WHERE topic = 'rerankers' AND value ->> '$.outcome' = 'promoted' ORDER BY ordinal DESC LIMIT 1`,
    )
    .get()
  return row === undefined ? null : (JSON.parse(row.value) as RerankerJudged)
}
