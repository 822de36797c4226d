import type { Schemas } from '@qdrant/js-client-rest'
import { describe, expect, it } from 'vitest'
import { pointIdOf, pointOf } from '../../fixtures/points.ts'
import { along, indexOver, scored } from './qdrant-over-stand-in.ts'
import { collectionInfo, inTurn, missing, result, type Reply } from './qdrant-stand-in.ts'

describe('reading points from Qdrant', () => {
  it('retrieves points with vectors and payloads', async () => {
    const record = {
      ...scored(1, 0),
      vector: [0.6, 0.8],
      payload: { ...scored(1, 0).payload, metadata: { '%22a%22%25': 'b' } },
    }
    const foreign = { id: 4, payload: {}, vector: [1, 0] }
    const { index, server } = await indexOver({
      'POST /collections/images_g1/points': result([record, foreign] satisfies Schemas['Record'][]),
    })
    expect(await index.points('g1', 'images', [pointIdOf(1), pointIdOf(2)])).toEqual([
      pointOf(1, along(0.6, 0.8), { metadata: { '"a"%': 'b' } }),
    ])
    expect(server.bodyOf('POST')).toEqual({
      ids: [pointIdOf(1), pointIdOf(2)],
      with_payload: true,
      with_vector: [''],
    } satisfies Schemas['PointRequest'])
  })

  it('asks for no vectors where payloads are enough', async () => {
    const { id, payload } = scored(1, 0)
    const foreign = { id: 4, payload: {} }
    const { index, server } = await indexOver({
      'POST /collections/images_g1/points': result([{ id, payload }, foreign] satisfies Schemas['Record'][]),
    })
    expect(await index.payloads('g1', 'images', [pointIdOf(1)])).toEqual(
      new Map([[pointIdOf(1), pointOf(1, along(1, 0)).payload]]),
    )
    expect(server.bodyOf('POST')).toEqual({
      ids: [pointIdOf(1)],
      with_payload: true,
      with_vector: false,
    } satisfies Schemas['PointRequest'])
  })

  it('knows no offset of a point that was written before offsets were kept', async () => {
    const { imageId, captions, split, metadata } = scored(1, 0).payload
    const old = { id: pointIdOf(1), vector: [1, 0], payload: { imageId, captions, split, metadata } }
    const { index } = await indexOver({
      'POST /collections/images_g1/points': result([old] satisfies Schemas['Record'][]),
    })
    expect(await index.points('g1', 'images', [pointIdOf(1)])).toEqual([pointOf(1, along(1, 0), { offset: -1 })])
  })

  it('scrolls through all ids', async () => {
    const page = (numbers: readonly number[], next: string | null): Reply =>
      result({
        points: numbers.map((number) => ({ id: pointIdOf(number) })),
        ...(next === null ? { next_page_offset: null } : { next_page_offset: next }),
      } satisfies Schemas['ScrollResult'])
    const { index, server } = await indexOver({
      'POST /collections/images_g1/points/scroll': inTurn(page([1, 2], pointIdOf(3)), page([3], null)),
    })
    const ids: string[] = []
    for await (const id of index.ids('g1', 'images')) ids.push(id)
    expect(ids).toEqual([1, 2, 3].map(pointIdOf))
    const all = { limit: 1_000, with_payload: false, with_vector: false } satisfies Schemas['ScrollRequest']
    expect(server.seen.map(({ body }) => body)).toEqual([all, { ...all, offset: pointIdOf(3) }])
  })

  it('lists generations behind its prefix, with exact counts and without what is being dropped', async () => {
    const names = ['t1_images_g1', 't1_captions_g1', 't1_images_g2', 'images_g1', 't1_other', 't2_images_g1']
    const { index, server } = await indexOver(
      {
        'GET /collections': result({
          collections: names.map((name) => ({ name })),
        } satisfies Schemas['CollectionsResponse']),
        'GET /collections/t1_images_g1': result(collectionInfo(2)),
        'GET /collections/t1_captions_g1': result(collectionInfo(2)),
        'GET /collections/t1_images_g2': missing('t1_images_g2'),
        'GET /collections/t1_captions_g2': missing('t1_captions_g2'),
        'POST /collections/t1_images_g1/points/count': result({ count: 5 } satisfies Schemas['CountResult']),
        'POST /collections/t1_captions_g1/points/count': result({ count: 25 } satisfies Schemas['CountResult']),
      },
      { prefix: 't1_' },
    )
    expect(await index.generations()).toEqual([{ generation: 'g1', dimension: 2, counts: { images: 5, captions: 25 } }])
    expect(server.bodyOf('POST')).toEqual({ exact: true } satisfies Schemas['CountRequest'])
  })
})
