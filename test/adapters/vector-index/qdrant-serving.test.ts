import type { Schemas } from '@qdrant/js-client-rest'
import { describe, expect, it } from 'vitest'
import { indexOver, known } from './qdrant-over-stand-in.ts'
import { collectionInfo, missing, refusal, result, type Reply } from './qdrant-stand-in.ts'

describe('serving a generation of Qdrant', () => {
  const both = { ...known, 'GET /collections/captions_g1': result(collectionInfo(2)) }
  const alias = (collection_name: string): Reply =>
    result({
      aliases: [
        { alias_name: 'other', collection_name: 'images_g9' },
        { alias_name: 'serving', collection_name },
      ],
    } satisfies Schemas['CollectionsAliasesResponse'])
  const snapshot = (name: string, creation_time: string) =>
    ({ name, creation_time, size: 1 }) satisfies Schemas['SnapshotDescription']

  it('switches one alias by one action, and takes a snapshot of both collections', async () => {
    const old = [
      snapshot('b', '2026-01-02T00:00:00'),
      snapshot('c', '2026-01-03T00:00:00'),
      snapshot('a', '2026-01-01T00:00:00'),
    ]
    const { index, server } = await indexOver({
      ...both,
      'GET /aliases': alias('images_g0'),
      'POST /collections/aliases': result(true),
      'GET /collections/images_g1/snapshots': result(old),
      'DELETE /collections/images_g1/snapshots/a': result(true),
      'DELETE /collections/images_g1/snapshots/b': result(true),
      'POST /collections/images_g1/snapshots': result(snapshot('d', '2026-01-04T00:00:00')),
      'GET /collections/captions_g1/snapshots': result([]),
      'POST /collections/captions_g1/snapshots': result(snapshot('d', '2026-01-04T00:00:00')),
    })
    await index.serve('g1')
    expect(server.bodyOf('POST /collections/aliases')).toEqual({
      actions: [{ create_alias: { alias_name: 'serving', collection_name: 'images_g1' } }],
    } satisfies Schemas['ChangeAliasesOperation'])
    expect(server.lines().slice(4)).toEqual([
      'GET /collections/images_g1/snapshots',
      'DELETE /collections/images_g1/snapshots/b',
      'DELETE /collections/images_g1/snapshots/a',
      'POST /collections/images_g1/snapshots',
      'GET /collections/captions_g1/snapshots',
      'POST /collections/captions_g1/snapshots',
    ])
  })

  it('changes nothing where the generation serves and has its snapshots', async () => {
    const { index, server } = await indexOver({
      ...both,
      'GET /aliases': alias('images_g1'),
      'GET /collections/images_g1/snapshots': result([snapshot('a', '2026-01-01T00:00:00')]),
      'GET /collections/captions_g1/snapshots': result([snapshot('a', '2026-01-01T00:00:00')]),
    })
    await index.serve('g1')
    expect(server.lines().filter((line) => !line.startsWith('GET'))).toEqual([])
    expect(await index.serving()).toBe('g1')
  })

  it('serves where no snapshot can be taken, and says so', async () => {
    const failures: string[] = []
    const { index, server } = await indexOver(
      {
        ...both,
        'GET /aliases': result({ aliases: [] } satisfies Schemas['CollectionsAliasesResponse']),
        'POST /collections/aliases': result(true),
        'GET /collections/images_g1/snapshots': result([]),
        'POST /collections/images_g1/snapshots': refusal(500, 'Service internal error: No space left on device'),
      },
      { onSnapshotFailure: ({ code }) => failures.push(code) },
    )
    await index.serve('g1')
    expect(server.bodyOf('POST /collections/aliases')).toBeDefined()
    expect(failures).toEqual(['storage-full'])
    expect(await index.serving()).toBeNull()
  })

  it('does not serve a generation of which a collection is missing', async () => {
    const { index, server } = await indexOver({
      ...known,
      'GET /collections/captions_g1': missing('captions_g1'),
      'GET /aliases': alias('images_g0'),
    })
    await expect(index.serve('g1')).rejects.toMatchObject({ code: 'generation-not-found' })
    expect(server.lines().filter((line) => !line.startsWith('GET'))).toEqual([])
  })

  it('drops the snapshots before their collections, of which some may be gone', async () => {
    const { index, server } = await indexOver({
      'GET /collections/images_g1/snapshots': result([snapshot('a', '2026-01-01T00:00:00')]),
      'DELETE /collections/images_g1/snapshots/a': refusal(404, 'Not found: Snapshot a does not exist'),
      'DELETE /collections/images_g1': result(true),
      'GET /collections/captions_g1/snapshots': missing('captions_g1'),
      'DELETE /collections/captions_g1': result(false),
    })
    await index.drop('g1')
    expect(server.lines()).toEqual([
      'GET /collections/images_g1/snapshots',
      'DELETE /collections/images_g1/snapshots/a',
      'DELETE /collections/images_g1',
      'GET /collections/captions_g1/snapshots',
      'DELETE /collections/captions_g1',
    ])
  })
})
