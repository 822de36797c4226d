import { expect, it } from 'vitest'
import { pointIdOf, pointOf } from '../fixtures/points.ts'
import type { QdrantUnderTest } from './qdrant-under-test.ts'

/** What the words of captions are to programs of others, and where an earlier version has stored none. */
export function qdrantWords({ open, outside, newPrefix }: QdrantUnderTest): void {
  it('lets outside readers rank captions by words, as they write them', async () => {
    const prefix = newPrefix()
    const index = await open(prefix)
    await index.create('g1', 2)
    const captions = ['Two dogs run on a beach', 'A café at the beach', 'Ein Hund schläft am Strand', '雪の中の猫']
    await index.upsert(
      'g1',
      'captions',
      captions.map((caption, number) => pointOf(number, Float32Array.of(1, 0), { captions: [caption] })),
    )
    const options = {
      language: 'none',
      tokenizer: 'word',
      ascii_folding: true,
      stemmer: { type: 'snowball', language: 'english' },
    } as const
    const withWords = async (text: string): Promise<unknown[]> => {
      const query = { text, model: 'qdrant/bm25', options }
      const { points } = await outside().query(`${prefix}captions_g1`, { query, using: 'words' })
      return points.map(({ id }) => id)
    }
    expect(await withWords('DOG, beach!')).toEqual([0, 1].map(pointIdOf))
    expect(await withWords('Café')).toEqual([pointIdOf(1)])
    expect(await withWords('schläft')).toEqual([pointIdOf(2)])
    expect(await withWords('猫')).toEqual([pointIdOf(3)])
    expect(await withWords('bea')).toEqual([])
  })

  it('refuses captions of an earlier version, which have no words', async () => {
    const prefix = newPrefix()
    const index = await open(prefix)
    for (const kind of ['images', 'captions'])
      await outside().createCollection(`${prefix}${kind}_g1`, { vectors: { size: 2, distance: 'Cosine' } })
    const reindex = expect.stringContaining('pairstream reindex') as string
    await expect(index.create('g1', 2)).rejects.toMatchObject({ code: 'invalid-vector', message: reindex })
    await expect(index.searchWords('g1', { words: 'dog', limit: 5 })).rejects.toMatchObject({
      code: 'index-unavailable',
      message: reindex,
    })
    await expect(index.upsert('g1', 'captions', [pointOf(1, Float32Array.of(1, 0))])).rejects.toMatchObject({
      code: 'index-unavailable',
      message: reindex,
    })
  })
}
