import type { Schemas } from '@qdrant/js-client-rest'
import { describe, expect, it } from 'vitest'
import { pointIdOf, pointOf, removalsOf } from '../../fixtures/points.ts'
import { along, indexOver, known, wordsDocument } from './qdrant-over-stand-in.ts'
import { collectionInfo, completed, inTurn, missing, refusal, result, type Reply } from './qdrant-stand-in.ts'

describe('creating a generation on Qdrant', () => {
  const notThere = (kind: string): Reply => inTurn(missing(`${kind}_g1`), result(collectionInfo(2, [])))

  it('makes a quantised collection a kind, with indexes of split and offset, and beside captions their words', async () => {
    const { index, server } = await indexOver({
      'GET /collections/images_g1': notThere('images'),
      'GET /collections/captions_g1': notThere('captions'),
      'PUT /collections/images_g1': result(true),
      'PUT /collections/captions_g1': result(true),
      'PUT /collections/images_g1/index': result(completed),
      'PUT /collections/captions_g1/index': result(completed),
    })
    await index.create('g1', 2)
    for (const name of ['images_g1', 'captions_g1']) {
      const collection = {
        vectors: { size: 2, distance: 'Cosine' },
        ...(name === 'captions_g1' ? { sparse_vectors: { words: { modifier: 'idf' as const } } } : {}),
        hnsw_config: { m: 16, ef_construct: 128 },
        quantization_config: { scalar: { type: 'int8', quantile: 0.99, always_ram: true } },
      } satisfies Schemas['CreateCollection']
      expect(server.seen.find(({ line }) => line === `PUT /collections/${name}`)?.body).toEqual(collection)
      const indexes = server.seen.filter(({ line }) => line === `PUT /collections/${name}/index?wait=true`)
      expect(indexes.map(({ body }) => body)).toEqual([
        { field_name: 'split', field_schema: { type: 'keyword' } } satisfies Schemas['CreateFieldIndex'],
        {
          field_name: 'offset',
          field_schema: { type: 'integer', lookup: false, range: true },
        } satisfies Schemas['CreateFieldIndex'],
      ])
    }
  })

  it('leaves out quantisation and puts the threshold of graphs in, where it was told so', async () => {
    const { index, server } = await indexOver(
      {
        'GET /collections/images_g1': notThere('images'),
        'GET /collections/captions_g1': result(collectionInfo(2)),
        'PUT /collections/images_g1': result(true),
        'PUT /collections/images_g1/index': result(completed),
      },
      { quantisation: 'none', indexing: { connectivity: 8, expansionAdd: 64, graphAboveKilobytes: 1 } },
    )
    await index.create('g1', 2)
    expect(server.bodyOf('PUT /collections/images_g1')).toBeDefined()
    expect(server.seen.find(({ line }) => line === 'PUT /collections/images_g1')?.body).toEqual({
      vectors: { size: 2, distance: 'Cosine' },
      hnsw_config: { m: 8, ef_construct: 64 },
      optimizers_config: { indexing_threshold: 1 },
    } satisfies Schemas['CreateCollection'])
  })

  it('goes on where another process was first, and refuses another dimension before it sends anything', async () => {
    const { index } = await indexOver({
      'GET /collections/images_g1': inTurn(missing('images_g1'), result(collectionInfo(2))),
      'GET /collections/captions_g1': result(collectionInfo(2)),
      'PUT /collections/images_g1': refusal(409, 'Wrong input: Collection `images_g1` already exists!'),
    })
    await index.create('g1', 2)
    const other = await indexOver({
      'GET /collections/images_g1': missing('images_g1'),
      'GET /collections/captions_g1': result(collectionInfo(3)),
    })
    await expect(other.index.create('g1', 2)).rejects.toMatchObject({ code: 'invalid-vector' })
    expect(other.server.lines().filter((line) => !line.startsWith('GET'))).toEqual([])
  })

  it('refuses captions of an earlier version, which have no words, and says what to do', async () => {
    const info = collectionInfo(2)
    const { vectors } = info.config.params
    const wordless = { ...info, config: { ...info.config, params: { vectors } } } satisfies Schemas['CollectionInfo']
    const { index, server } = await indexOver({
      'GET /collections/images_g1': result(wordless),
      'GET /collections/captions_g1': result(wordless),
    })
    const refused = {
      code: 'invalid-vector',
      message: expect.stringMatching(/g1 .*words.*; drop it.*reindex/) as string,
    }
    await expect(index.create('g1', 2)).rejects.toMatchObject(refused)
    expect(server.lines().filter((line) => !line.startsWith('GET'))).toEqual([])
  })
})

describe('writing points to Qdrant', () => {
  it('sends each point once, whole and waited for', async () => {
    const { index, server } = await indexOver({ ...known, 'PUT /collections/images_g1/points': result(completed) })
    await index.upsert('g1', 'images', [
      pointOf(1, along(1, 0)),
      pointOf(1, along(0, 1), { metadata: { shop: 'a', '50% "off"': 'yes', 'back\\slash': '' } }),
    ])
    expect(server.lines()).toEqual([
      'GET /collections/images_g1',
      'PUT /collections/images_g1/points?wait=true&ordering=medium',
    ])
    expect(server.bodyOf('PUT')).toEqual({
      points: [
        {
          id: pointIdOf(1),
          vector: [0, 1],
          payload: {
            imageId: pointIdOf(1),
            captions: ['caption 1'],
            split: 'train',
            offset: 0,
            metadata: { shop: 'a', '50%25 %22off%22': 'yes', 'back%5Cslash': '' },
          },
        },
      ],
    } satisfies Schemas['PointsList'])
  })

  it('sends what of the metadata reads as a number or a date as such, beside the texts, and reads the texts', async () => {
    const metadata = { year: '2019', taken: '2024-06-30T01:00:00+02:00', 'a "b"': '1e3', place: 'Rome' }
    const { index, server } = await indexOver({
      ...known,
      'PUT /collections/images_g1/points': result(completed),
      'POST /collections/images_g1/points': (response, request) =>
        result((server.bodyOf('PUT') as Schemas['PointsList']).points)(response, request),
    })
    const point = pointOf(1, along(0, 1), { metadata })
    await index.upsert('g1', 'images', [point])
    const { points } = server.bodyOf('PUT') as Schemas['PointsList']
    expect(points[0]?.payload).toMatchObject({
      metadata: { year: '2019', taken: '2024-06-30T01:00:00+02:00', 'a %22b%22': '1e3', place: 'Rome' },
      numbers: { year: 2019, 'a %22b%22': 1_000 },
      dates: { taken: '2024-06-29T23:00:00.000Z' },
    })
    expect(await index.points('g1', 'images', [point.id])).toEqual([point])
  })

  it('sends captions with the words that Qdrant is to weigh, where they have any', async () => {
    const { index, server } = await indexOver({
      'GET /collections/captions_g1': result(collectionInfo(2)),
      'PUT /collections/captions_g1/points': result(completed),
    })
    const captions = ['Zwei Hunde; ein Café!', '…']
    await index.upsert(
      'g1',
      'captions',
      captions.map((caption, number) => pointOf(number, along(1, 0), { captions: [caption] })),
    )
    const { points } = server.bodyOf('PUT') as Schemas['PointsList']
    expect(points.map(({ vector }) => vector)).toEqual([
      { '': [1, 0], words: wordsDocument('zwei hunde ein cafe') },
      [1, 0],
    ] satisfies Schemas['VectorStruct'][])
    expect(points[0]?.payload).toMatchObject({ captions: [captions[0]] })
  })

  it('sends many points in requests of bounded size, and asks for the dimension once', async () => {
    const { index, server } = await indexOver({ ...known, 'PUT /collections/images_g1/points': result(completed) })
    await index.upsert(
      'g1',
      'images',
      Array.from({ length: 600 }, (_, number) => pointOf(number, along(1, 0))),
    )
    const sizes = server.seen.slice(1).map(({ body }) => (body as Schemas['PointsList']).points.length)
    expect(sizes).toEqual([256, 256, 88])
    const wide = await indexOver({
      'GET /collections/images_g1': result(collectionInfo(50_000)),
      'PUT /collections/images_g1/points': result(completed),
    })
    const vector = new Float32Array(50_000)
    vector[0] = 1
    await wide.index.upsert(
      'g1',
      'images',
      Array.from({ length: 7 }, (_, number) => pointOf(number, vector)),
    )
    expect(wide.server.seen.slice(1).map(({ body }) => (body as Schemas['PointsList']).points.length)).toEqual([
      3, 3, 1,
    ])
  })

  it('does not take a write for done that was not applied in time', async () => {
    const late = { operation_id: 1, status: 'wait_timeout' } satisfies Schemas['UpdateResult']
    const { index } = await indexOver({
      ...known,
      'PUT /collections/images_g1/points': result(late),
      'POST /collections/images_g1/points/delete': result(late),
    })
    const unavailable = { code: 'index-unavailable' }
    await expect(index.upsert('g1', 'images', [pointOf(1, along(1, 0))])).rejects.toMatchObject(unavailable)
    await expect(index.remove('g1', 'images', removalsOf([pointIdOf(1)]))).rejects.toMatchObject(unavailable)
  })

  it('removes by ids and what is not newer, in requests of bounded size', async () => {
    const { index, server } = await indexOver({ 'POST /collections/captions_g1/points/delete': result(completed) })
    await index.remove('g1', 'captions', [
      { id: pointIdOf(1).toUpperCase(), upTo: 7 },
      { id: pointIdOf(2), upTo: -1 },
      { id: pointIdOf(1), upTo: 9 },
    ])
    expect(server.lines()).toEqual(['POST /collections/captions_g1/points/delete?wait=true&ordering=medium'])
    // A point without an offset is not newer either.
    expect(server.bodyOf('POST')).toEqual({
      filter: {
        should: [
          { must: [{ has_id: [pointIdOf(1)] }], must_not: [{ key: 'offset', range: { gt: 9 } }] },
          { must: [{ has_id: [pointIdOf(2)] }], must_not: [{ key: 'offset', range: { gt: -1 } }] },
        ],
      },
    } satisfies Schemas['FilterSelector'])
    await index.remove('g1', 'captions', removalsOf(Array.from({ length: 257 }, (_, number) => pointIdOf(number))))
    expect(server.seen).toHaveLength(3)
    await index.remove('g1', 'captions', [])
    expect(server.seen).toHaveLength(3)
  })

  it('has offsets indexed where a server in strict mode refuses to remove without, and removes then', async () => {
    const strict = 'Bad request: Index required but not found for "offset" of one of the following types: [integer].'
    const { index, server } = await indexOver({
      'POST /collections/images_g1/points/delete': inTurn(refusal(400, strict), result(completed)),
      'GET /collections/images_g1': result(collectionInfo(2, ['split', 'captions'])),
      'PUT /collections/images_g1/index': result(completed),
    })
    await index.remove('g1', 'images', removalsOf([pointIdOf(1)]))
    expect(server.lines().map((line) => line.replace(/\?.*/, ''))).toEqual([
      'POST /collections/images_g1/points/delete',
      'GET /collections/images_g1',
      'PUT /collections/images_g1/index',
      'POST /collections/images_g1/points/delete',
    ])
    expect(server.bodyOf('PUT')).toMatchObject({ field_name: 'offset' })
  })

  it('refuses vectors and ids before it sends them, and asks for the dimension again before it does', async () => {
    const { index, server } = await indexOver({
      'GET /collections/images_g1': inTurn(result(collectionInfo(2)), result(collectionInfo(3))),
      'PUT /collections/images_g1/points': result(completed),
    })
    const refused = { code: 'invalid-vector' }
    await expect(index.upsert('g1', 'images', [pointOf(1, along(Number.NaN, 1))])).rejects.toMatchObject(refused)
    await expect(index.search('g1', 'images', { vector: along(1, 1), limit: 1 })).rejects.toMatchObject(refused)
    expect(server.lines().filter((line) => !line.startsWith('GET'))).toEqual([])
    await index.upsert('g1', 'images', [pointOf(1, along(1, 0, 0))])
    expect(server.lines().filter((line) => line.startsWith('PUT'))).toHaveLength(1)
  })
})
