import type { Payload } from '../../ports/vector-index.ts'
import type { Database } from '../../sqlite/database.ts'
import { anyWordOf, storedWords, wordTable } from '../../sqlite/word-table.ts'
import type { Scored } from './best-list.ts'
import type { Collection } from './collection-records.ts'
import type { Page } from './input.ts'
import { filterConditions } from './matching.ts'

const PAGE = 1_000

/** The words of caption points by the number of the point. Every write belongs in the transaction that writes the point. */
export function createCaptionWords(database: Database) {
  const add = database.prepare('INSERT INTO caption_words (rowid, words) VALUES (?, ?)')
  const remove = database.prepare('DELETE FROM caption_words WHERE rowid = ?')

  return {
    add({ kind }: Pick<Collection, 'kind'>, number: number, { captions }: Payload): void {
      if (kind === 'captions') add.run(number, storedWords(captions.join(' ')))
    },
    remove({ kind }: Pick<Collection, 'kind'>, number: number): void {
      if (kind === 'captions') remove.run(number)
    },
    /** The page of points that hold any of the words, best first by BM25, ties by id. */
    rank(
      collection: Collection,
      { words, limit, offset, filter }: Page & { readonly words: string },
    ): readonly Scored[] {
      const expression = anyWordOf(words)
      if (expression === null) return []
      const { sql, values } = filterConditions(collection, filter ?? {}, 'few')
      // Joined crosswise, so that SQLite walks the points that hold a word and not all points of the collection.
      return database
        .prepare<Scored>(
          `SELECT points.number, points.id, -bm25(caption_words) AS score
           FROM caption_words CROSS JOIN points ON points.number = caption_words.rowid
           WHERE caption_words MATCH ? AND ${sql}
           ORDER BY bm25(caption_words), points.id LIMIT ? OFFSET ?`,
        )
        .all(expression, ...values, limit, offset)
    },
  }
}

/** Makes the table where a database of an earlier version has none, with the words of the captions that are there. */
export function ensureCaptionWords(database: Database): void {
  if (database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'caption_words'").get() !== undefined) return
  database.exec(wordTable('caption_words'))
  const captions = createCaptionWords(database)
  const page = database.prepare<{ number: number; payload: string }>(
    `SELECT points.number, points.payload FROM points JOIN collections ON collections.number = points.collection
     WHERE collections.kind = 'captions' AND points.number > ? ORDER BY points.number LIMIT ${PAGE}`,
  )
  for (let rows = page.all(0); rows.length > 0; rows = page.all(rows.at(-1)?.number ?? 0)) {
    for (const { number, payload } of rows) captions.add({ kind: 'captions' }, number, JSON.parse(payload) as Payload)
  }
}
