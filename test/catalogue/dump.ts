import type { Database } from '../../src/sqlite/database.ts'

/** Everything a catalogue's file says, but for the numbers of rows. */
export function dump(database: Database): Record<string, unknown[]> {
  const queries = {
    pairs: `SELECT pair_id, image_id, caption, subject, source, metadata, published_at, accepted_at, live, counted, in_base
            FROM pair ORDER BY image_id, live, CASE live WHEN 1 THEN rowid END, pair_id`,
    images: 'SELECT * FROM image ORDER BY image_id',
    groups: 'SELECT * FROM split_group ORDER BY split_key',
    members: 'SELECT * FROM split_member ORDER BY image_id',
    base: 'SELECT * FROM base ORDER BY pair_id',
    text: `SELECT pair_id, caption_text.words FROM caption_text JOIN pair ON pair.rowid = caption_text.rowid ORDER BY pair_id`,
    texts: 'SELECT count(*) FROM caption_text',
    indexed: 'SELECT * FROM indexed ORDER BY pair_id, generation',
    erasures: 'SELECT * FROM erasure ORDER BY pair_id',
    marks: 'SELECT * FROM erasure_mark ORDER BY pair_id, image_id, kind, at',
    events: 'SELECT * FROM event ORDER BY topic, ordinal',
    tally: 'SELECT * FROM tally',
    offsets: 'SELECT * FROM fold_offset ORDER BY topic, partition',
  }
  return Object.fromEntries(Object.entries(queries).map(([name, sql]) => [name, database.prepare(sql).all()]))
}
