import type { ErasureRecord, ModelTrained, ReleaseRecord, RerankerJudged, RetrainingRequested } from '../core/events.ts'
import type { Split } from '../core/split.ts'
import type { Filter } from '../ports/vector-index.ts'
import type { Database, Row } from '../sqlite/database.ts'
import { promotedReranker } from './promoted-reranker.ts'
import { anyWordOf } from '../sqlite/word-table.ts'
import type {
  Catalogue,
  CatalogueCounts,
  CatalogueImage,
  CataloguePair,
  CurrentRelease,
  LivePair,
  TextHit,
} from './catalogue.ts'

const PAGE = 4_096

type ImageRow = {
  image_id: string
  blob_key: string
  content_type: string
  width: number
  height: number
  split: Split
  split_key: string
  source: string
  metadata: string
}
type PairRow = {
  pair_id: string
  image_id: string
  caption: string | null
  subject: string | null
  source: string
  metadata: string
  published_at: number
  accepted_at: number
  log_partition: number
  log_offset: number
  live: number
  split: Split | null
}

/** Walks a table in pages ordered by its key, so that a long walk never holds a read open. */
function* paged<R>(database: Database, sql: string, keyOf: (row: R) => string): IterableIterator<R> {
  let after = ''
  for (;;) {
    const rows = database.prepare<R>(sql).all(after, PAGE)
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return
    after = keyOf(last)
  }
}

const AMONG = 'IN (SELECT value FROM json_each(?))'

/** The text depends on which conditions there are, never on how many values: every text is a statement that is kept. */
function filterClause(filter: Filter | undefined): { sql: string; values: string[] } {
  const clauses: string[] = []
  const values: string[] = []
  if (filter?.splits !== undefined) {
    clauses.push(`image.split ${AMONG}`)
    values.push(JSON.stringify(filter.splits))
  }
  for (const [name, accepted] of Object.entries(filter?.metadata ?? {})) {
    clauses.push(`(SELECT value FROM json_each(image.metadata) WHERE key = ?) ${AMONG}`)
    values.push(name, JSON.stringify(accepted))
  }
  return { sql: clauses.map((clause) => ` AND ${clause}`).join(''), values }
}

type Queries = Omit<
  Catalogue,
  'follow' | 'caughtUp' | 'isCaughtUp' | 'foldedPast' | 'onChange' | 'onReleaseChange' | 'close'
>

/** The reads of the catalogue. */
export function createQueries(database: Database): Queries {
  const json = (text: string): unknown => JSON.parse(text)
  const metadataOf = (text: string) => json(text) as Readonly<Record<string, string>>
  const events = <T>(topic: string): T[] =>
    database
      .prepare<{ value: string }>('SELECT value FROM event WHERE topic = ? ORDER BY ordinal')
      .all(topic)
      .map(({ value }) => json(value) as T)

  const captionsOf = (imageId: string) =>
    database
      .prepare<{ pairId: string; caption: string }>(
        'SELECT pair_id AS pairId, caption FROM pair WHERE image_id = ? AND live = 1 AND caption IS NOT NULL ORDER BY rowid',
      )
      .all(imageId)

  const newestOffsetOf = (imageId: string): number =>
    database
      .prepare<{ newest: number | null }>('SELECT max(log_offset) AS newest FROM pair WHERE image_id = ? AND live = 1')
      .get(imageId)?.newest ?? -1

  const toImage = (row: ImageRow): CatalogueImage => ({
    imageId: row.image_id,
    blobKey: row.blob_key,
    contentType: row.content_type,
    width: row.width,
    height: row.height,
    split: row.split,
    splitKey: row.split_key,
    source: row.source,
    metadata: metadataOf(row.metadata),
    captions: captionsOf(row.image_id),
    newestOffset: newestOffsetOf(row.image_id),
  })

  const toPair = (row: PairRow): CataloguePair => ({
    pairId: row.pair_id,
    imageId: row.image_id,
    caption: row.caption,
    subject: row.subject,
    split: row.split ?? 'train',
    source: row.source,
    metadata: metadataOf(row.metadata),
    publishedAt: row.published_at,
    acceptedAt: row.accepted_at,
    position: { partition: row.log_partition, offset: row.log_offset },
    erased: row.live === 0,
    indexed: database
      .prepare<CataloguePair['indexed'][number] & Row>(
        `SELECT generation, model_version AS modelVersion, embedded_at AS embeddedAt, indexed_at AS indexedAt
         FROM indexed WHERE pair_id = ? ORDER BY indexed_at`,
      )
      .all(row.pair_id),
  })

  const pairSql = 'SELECT pair.*, image.split FROM pair LEFT JOIN image USING (image_id)'
  const livePairSql = `SELECT pair_id AS pairId, image_id AS imageId, caption, image.split AS split, image.split_key AS splitKey
    FROM pair JOIN image USING (image_id) WHERE live = 1 AND caption IS NOT NULL`
  const image = (imageId: string): CatalogueImage | null => {
    const row = database.prepare<ImageRow>('SELECT * FROM image WHERE image_id = ?').get(imageId)
    return row === undefined ? null : toImage(row)
  }

  return {
    image,
    isLiveImage: (imageId) => database.prepare('SELECT 1 FROM image WHERE image_id = ?').get(imageId) !== undefined,
    isLivePair: (pairId) =>
      database.prepare('SELECT 1 FROM pair WHERE pair_id = ? AND live = 1').get(pairId) !== undefined,
    liveAmong(kind, ids) {
      const sql =
        kind === 'images'
          ? `SELECT image_id AS id FROM image WHERE image_id ${AMONG}`
          : `SELECT pair_id AS id FROM pair WHERE live = 1 AND pair_id ${AMONG}`
      const rows = database.prepare<{ id: string }>(sql).all(JSON.stringify(ids))
      return new Set(rows.map(({ id }) => id))
    },
    images(imageIds) {
      const found = imageIds.map(image).filter((known) => known !== null)
      return new Map(found.map((known) => [known.imageId, known]))
    },
    imagesLike: (splitKey, limit = -1) =>
      database
        .prepare<{ id: string }>('SELECT image_id AS id FROM image WHERE split_key = ? ORDER BY image_id LIMIT ?')
        .all(splitKey, limit)
        .map(({ id }) => id),
    pair(pairId) {
      const row = database.prepare<PairRow>(`${pairSql} WHERE pair_id = ?`).get(pairId)
      return row === undefined ? null : toPair(row)
    },
    pairPage: (after, limit) =>
      database
        .prepare<PairRow>(`${pairSql} WHERE pair_id > ? AND live = 1 ORDER BY pair_id LIMIT ?`)
        .all(after, limit)
        .map(toPair),
    pairsOfImage: (imageId) =>
      database.prepare<PairRow>(`${pairSql} WHERE image_id = ? ORDER BY pair.rowid`).all(imageId).map(toPair),
    pairsOfSubject: (subject) =>
      database.prepare<PairRow>(`${pairSql} WHERE subject = ? AND live = 1 ORDER BY pair_id`).all(subject).map(toPair),
    *liveImageIds() {
      const sql = 'SELECT image_id FROM image WHERE image_id > ? ORDER BY image_id LIMIT ?'
      for (const row of paged<{ image_id: string }>(database, sql, (r) => r.image_id)) yield row.image_id
    },
    livePairs: () =>
      paged<LivePair>(database, `${livePairSql} AND pair_id > ? ORDER BY pair_id LIMIT ?`, (pair) => pair.pairId),
    livePairsOf: (split) =>
      database.prepare<LivePair & Row>(`${livePairSql} AND image.split = ? ORDER BY pair_id`).all(split),
    isErased: (pairId) =>
      database
        .prepare(
          `SELECT 1 FROM erasure_mark AS mark WHERE pair_id = ?1 AND kind <> 'restoration'
             AND NOT EXISTS (SELECT 1 FROM pair WHERE pair_id = ?1 AND live = 1)
             AND NOT EXISTS (SELECT 1 FROM erasure_mark AS lifted WHERE lifted.pair_id = ?1
               AND lifted.image_id = mark.image_id AND lifted.kind = 'restoration' AND lifted.at > mark.at)
           LIMIT 1`,
        )
        .get(pairId) !== undefined,
    counts: () =>
      database.prepare<CatalogueCounts & Row>('SELECT images, pairs, counted, base FROM tally').get() ?? {
        images: 0,
        pairs: 0,
        counted: 0,
        base: 0,
      },
    heldOutImages: () =>
      database.prepare<{ n: number }>(`SELECT count(*) AS n FROM image WHERE split IN ('validation', 'fresh')`).get()
        ?.n ?? 0,
    searchText(query, limit, offset, filter) {
      const expression = anyWordOf(query)
      if (expression === null) return []
      const { sql, values } = filterClause(filter)
      return database
        .prepare<TextHit & Row>(
          `SELECT pair.pair_id AS pairId, pair.image_id AS imageId, pair.caption AS caption, -bm25(caption_text) AS score
           FROM caption_text JOIN pair ON pair.rowid = caption_text.rowid JOIN image USING (image_id)
           WHERE caption_text MATCH ? AND pair.live = 1${sql}
           ORDER BY bm25(caption_text), pair.pair_id LIMIT ? OFFSET ?`,
        )
        .all(expression, ...values, limit, offset)
    },
    requests: () => events<RetrainingRequested>('retraining.requested'),
    models: () => events<ModelTrained>('models.trained'),
    model: (modelVersion) =>
      events<ModelTrained>('models.trained').find((m) => m.modelVersion === modelVersion) ?? null,
    releases: () => events<ReleaseRecord>('releases'),
    currentRelease(): CurrentRelease | null {
      const release = events<ReleaseRecord>('releases').findLast(
        ({ state }) => state === 'promoted' || state === 'reverted',
      )
      if (release === undefined || release.generation === null) return null
      return { release, modelVersion: release.modelVersion, generation: release.generation }
    },
    rerankers: () => events<RerankerJudged>('rerankers'),
    promotedReranker: () => promotedReranker(database),
    erasure(pairId) {
      const row = database.prepare<{ receipt: string }>('SELECT receipt FROM erasure WHERE pair_id = ?').get(pairId)
      return row === undefined ? null : (json(row.receipt) as ErasureRecord)
    },
    erasures: () =>
      database
        .prepare<{ receipt: string }>('SELECT receipt FROM erasure ORDER BY pair_id')
        .all()
        .map(({ receipt }) => json(receipt) as ErasureRecord),
  }
}
