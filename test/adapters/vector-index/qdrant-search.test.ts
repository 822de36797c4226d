import type { Schemas } from '@qdrant/js-client-rest'
import { describe, expect, it } from 'vitest'
import { rangeOf } from '../../../src/core/value-range.ts'
import type { VectorIndex } from '../../../src/ports/vector-index.ts'
import { pointIdOf, pointOf } from '../../fixtures/points.ts'
import { along, found, indexOver, known, scored, wordsDocument } from './qdrant-over-stand-in.ts'
import { collectionInfo, completed, inTurn, refusal, result, type Reply } from './qdrant-stand-in.ts'

describe('searching in Qdrant', () => {
  const query = 'POST /collections/images_g1/points/query'

  it('sets the breadth of the walk and rescores with whole vectors', async () => {
    const { index, server } = await indexOver({ ...known, [query]: found(scored(1, 0.9), scored(2, 0.5)) })
    const hits = await index.search('g1', 'images', { vector: along(1, 0), limit: 1 })
    expect(hits).toEqual([{ id: pointIdOf(1), score: 0.9, payload: pointOf(1, along(1, 0)).payload }])
    expect(server.bodyOf('POST')).toEqual({
      query: [1, 0],
      limit: 2,
      with_payload: true,
      params: { hnsw_ef: 256, quantization: { rescore: true, oversampling: 3 } },
    } satisfies Schemas['QueryRequest'])
  })

  it('passes exact on, and sends filters with quoted paths', async () => {
    const { index, server } = await indexOver({ ...known, [query]: found() })
    await index.search('g1', 'images', {
      vector: along(1, 0),
      limit: 5,
      exact: true,
      filter: { splits: ['train', 'test'], metadata: { colour: ['red', 'blue'], 'a.b "c"': ['x'] } },
    })
    expect(server.bodyOf('POST')).toEqual({
      query: [1, 0],
      limit: 6,
      with_payload: true,
      params: { exact: true },
      filter: {
        must: [
          { key: 'metadata.colour', match: { any: ['red', 'blue'] } },
          { key: 'metadata."a.b %22c%22"', match: { any: ['x'] } },
          { key: 'split', match: { any: ['train', 'test'] } },
        ],
      },
    } satisfies Schemas['QueryRequest'])
  })

  it('compares numbers and dates in objects of their own, and has these indexed as what they are', async () => {
    const { index, server } = await indexOver({
      ...known,
      [query]: found(scored(1, 0.9)),
      'PUT /collections/images_g1/index': result(completed),
    })
    const ranges = {
      year: rangeOf({ gte: 2019, lt: 2021 }),
      'a "b"': rangeOf({ gt: '2024-06-29', lte: '2024-06-30T12:00Z' }),
    }
    await index.search('g1', 'images', { vector: along(1, 0), limit: 5, filter: { ranges } })
    expect(server.bodyOf(query)).toMatchObject({
      filter: {
        must: [
          { key: 'numbers.year', range: { gte: 2019, lt: 2021 } },
          {
            key: 'dates."a %22b%22"',
            range: { gte: '2024-06-30T00:00:00.000Z', lte: '2024-06-30T12:00:00.000Z' },
          },
        ],
      } satisfies Schemas['Filter'],
    })
    const indexed = server.seen.filter(({ line }) => line.startsWith('PUT')).map(({ body }) => body)
    expect(indexed).toEqual([
      { field_name: 'numbers.year', field_schema: 'float' },
      { field_name: 'dates."a %22b%22"', field_schema: 'datetime' },
    ] satisfies Schemas['CreateFieldIndex'][])
  })

  it('asks further where the page ends in a tie, and breaks ties by id', async () => {
    const tied = [5, 3, 8, 1].map((number) => scored(number, 0.5))
    const answer: Reply = (response, { body }) => {
      const { limit } = body as { limit: number }
      found(...[scored(9, 1.0000001), ...tied, scored(2, 0.1)].slice(0, limit))(response, {
        line: '',
        headers: {},
        body,
      })
    }
    const { index, server } = await indexOver({ ...known, [query]: answer })
    const hits = await index.search('g1', 'images', { vector: along(1, 0), limit: 2, offset: 1 })
    expect(hits.map(({ id }) => id)).toEqual([5, 3, 8, 1].map(pointIdOf).sort().slice(0, 2))
    expect(server.seen.slice(1).map(({ body }) => (body as { limit: number }).limit)).toEqual([4, 19])
    const [best] = await index.search('g1', 'images', { vector: along(1, 0), limit: 1 })
    expect(best).toMatchObject({ id: pointIdOf(9), score: 1 })
  })

  it('asks again, exactly, where a walk has found too few', async () => {
    const { index, server } = await indexOver({ ...known, [query]: inTurn(found(), found(scored(1, 0.9))) })
    const hits = await index.search('g1', 'images', { vector: along(1, 0), limit: 3 })
    expect(hits).toHaveLength(1)
    expect(server.bodyOf('POST')).toMatchObject({ params: { exact: true } })
    expect(server.seen).toHaveLength(3)
  })

  it('has a metadata field indexed once a filter by it has found something', async () => {
    const { index, server } = await indexOver({
      ...known,
      [query]: inTurn(found(), found(), found(scored(1, 0.9, { colour: 'red' }), scored(2, 0.8, { colour: 'red' }))),
      'PUT /collections/images_g1/index': result({
        operation_id: 1,
        status: 'acknowledged',
      } satisfies Schemas['UpdateResult']),
    })
    const search = () =>
      index.search('g1', 'images', { vector: along(1, 0), limit: 1, filter: { metadata: { colour: ['red'] } } })
    await search()
    expect(server.lines().filter((line) => line.startsWith('PUT'))).toEqual([])
    await search()
    await search()
    expect(server.lines().filter((line) => line.startsWith('PUT'))).toEqual([
      'PUT /collections/images_g1/index?wait=false',
    ])
    expect(server.bodyOf('PUT')).toEqual({
      field_name: 'metadata.colour',
      field_schema: 'keyword',
    } satisfies Schemas['CreateFieldIndex'])
  })

  it('has a field indexed first where the server filters by nothing else, and says which filter it cannot run', async () => {
    const strict = refusal(400, 'Bad request: Index required but not found for "metadata.colour" of one of [keyword]')
    const search = (index: VectorIndex) =>
      index.search('g1', 'images', { vector: along(1, 0), limit: 1, filter: { metadata: { colour: ['red'] } } })
    const hit = found(scored(1, 0.9, { colour: 'red' }), scored(2, 0.8, { colour: 'red' }))
    const indexing = { 'PUT /collections/images_g1/index': result(completed) }
    const { index, server } = await indexOver({ ...known, ...indexing, [query]: inTurn(strict, hit) })
    expect(await search(index)).toHaveLength(1)
    expect(server.lines()).toContain('PUT /collections/images_g1/index?wait=true')
    const never = await indexOver({ ...known, ...indexing, [query]: strict })
    await expect(search(never.index)).rejects.toMatchObject({ code: 'filter-invalid' })
  })

  it('indexes no more than 32 fields, and answers where that fails', async () => {
    const full = Array.from({ length: 32 }, (_, number) => `metadata.field${number}`)
    const search = (index: VectorIndex) =>
      index.search('g1', 'images', { vector: along(1, 0), limit: 1, filter: { metadata: { colour: ['red'] } } })
    const hit = found(scored(1, 0.9, { colour: 'red' }))
    const crowded = await indexOver({ 'GET /collections/images_g1': result(collectionInfo(2, full)), [query]: hit })
    expect(await search(crowded.index)).toHaveLength(1)
    expect(crowded.server.lines().filter((line) => line.startsWith('PUT'))).toEqual([])
    const failing = await indexOver({
      ...known,
      [query]: hit,
      'PUT /collections/images_g1/index': refusal(500, 'broken'),
    })
    expect(await search(failing.index)).toHaveLength(1)
  })

  it('asks for nothing where nothing can be found, and for no more than there is', async () => {
    const { index, server } = await indexOver({
      ...known,
      [query]: found(scored(1, 0.9)),
      'POST /collections/images_g1/points/count': result({ count: 3 } satisfies Schemas['CountResult']),
    })
    const vector = along(1, 0)
    expect(await index.search('g1', 'images', { vector, limit: 0 })).toEqual([])
    expect(await index.search('g1', 'images', { vector, limit: 5, filter: { splits: [] } })).toEqual([])
    expect(await index.search('g1', 'images', { vector, limit: 5, filter: { metadata: { a: [] } } })).toEqual([])
    expect(await index.search('g1', 'images', { vector, limit: 5, offset: 20_000 })).toEqual([])
    expect(server.lines()).toEqual(['GET /collections/images_g1', 'POST /collections/images_g1/points/count'])
    await index.search('g1', 'images', { vector, limit: Number.MAX_SAFE_INTEGER, exact: true })
    expect(server.bodyOf(query)).toMatchObject({ limit: 4 })
  })

  it('leaves out points that somebody else has put there', async () => {
    const foreign = [
      { ...scored(1, 0.9), id: 7 },
      { ...scored(2, 0.8), payload: null },
      { ...scored(3, 0.7), payload: { title: 'cat' } },
    ] satisfies Schemas['ScoredPoint'][]
    const { index } = await indexOver({ ...known, [query]: found(...foreign, scored(4, 0.6)) })
    const hits = await index.search('g1', 'images', { vector: along(1, 0), limit: 10 })
    expect(hits.map(({ id }) => id)).toEqual([pointIdOf(4)])
  })
})

describe('searching by words in Qdrant', () => {
  const asked = 'POST /collections/captions_g1/points/query'
  const captions = { 'GET /collections/captions_g1': result(collectionInfo(2)) }

  it('sends folded words to the sparse vector of captions, and takes scores as they are', async () => {
    const { index, server } = await indexOver({ ...captions, [asked]: found(scored(1, 7.5), scored(2, 3)) })
    const filter = { splits: ['train' as const] }
    const hits = await index.searchWords('g1', { words: '-Café OR "Dogs', limit: 1, filter })
    expect(hits).toEqual([{ id: pointIdOf(1), score: 7.5, payload: pointOf(1, along(1, 0)).payload }])
    expect(server.bodyOf('POST')).toEqual({
      query: wordsDocument('cafe or dogs'),
      using: 'words',
      limit: 2,
      with_payload: true,
      filter: { must: [{ key: 'split', match: { any: ['train'] } }] },
    } satisfies Schemas['QueryRequest'])
  })

  it('asks further where the page ends in a tie, and once where there is no more', async () => {
    const points = [9, 4, 2, 7, 5].map((number) => scored(number, number === 9 ? 8 : 2))
    const { index, server } = await indexOver({
      ...captions,
      [asked]: (response, request) => {
        const { limit } = request.body as { limit: number }
        found(...points.slice(0, limit))(response, request)
      },
    })
    const ids = (await index.searchWords('g1', { words: 'dog', limit: 2, offset: 1 })).map(({ id }) => id)
    expect(ids).toEqual([4, 2, 7, 5].map(pointIdOf).sort().slice(0, 2))
    expect(server.seen.slice(1).map(({ body }) => (body as { limit: number }).limit)).toEqual([4, 19])
    await index.searchWords('g1', { words: 'dog', limit: 50 })
    expect(server.seen.slice(3)).toHaveLength(1)
  })

  it('has a metadata field indexed first where the server filters by nothing else', async () => {
    const strict = refusal(400, 'Bad request: Index required but not found for "metadata.colour" of one of [keyword]')
    const { index, server } = await indexOver({
      ...captions,
      [asked]: inTurn(strict, found(scored(1, 2, { colour: 'red' }))),
      'PUT /collections/captions_g1/index': result(completed),
    })
    const filter = { metadata: { colour: ['red'] } }
    expect(await index.searchWords('g1', { words: 'dog', limit: 5, filter })).toHaveLength(1)
    expect(server.lines()).toContain('PUT /collections/captions_g1/index?wait=true')
  })

  it('asks for nothing where there is no word, and is unavailable where captions were stored without', async () => {
    const { index, server } = await indexOver({
      ...captions,
      [asked]: refusal(400, 'Wrong input: Not existing vector name error: words'),
    })
    expect(await index.searchWords('g1', { words: '"* (', limit: 5 })).toEqual([])
    expect(server.lines()).toEqual(['GET /collections/captions_g1'])
    await expect(index.searchWords('g1', { words: 'dog', limit: 5 })).rejects.toMatchObject({
      code: 'index-unavailable',
      message: expect.stringContaining('pairstream reindex') as string,
    })
  })
})
