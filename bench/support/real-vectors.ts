import type { Services } from '../../src/roles/services.ts'

export type RealVectors = {
  readonly modelVersion: string
  readonly dimension: number
  /** Of the pictures, as the serving generation has them. */
  readonly pictures: readonly Float32Array[]
  /** Of captions of validation pictures, which no training has seen and no collection holds. */
  readonly queries: readonly Float32Array[]
}

const PAGE = 500

/** The vectors of a data folder's serving generation, and as many queries, evenly chosen among its validation captions. */
export async function realVectors({ catalogue, index, encoders }: Services, queries: number): Promise<RealVectors> {
  const current = catalogue.currentRelease()
  if (current === null) throw new Error('The data folder has no model that serves.')
  const { modelVersion, generation } = current
  const ids: string[] = []
  for await (const id of index.ids(generation, 'images')) ids.push(id)
  const pictures: Float32Array[] = []
  for (let at = 0; at < ids.length; at += PAGE) {
    const points = await index.points(generation, 'images', ids.slice(at, at + PAGE))
    // In the order of the ids, so that the points get the same numbers in every run.
    const byId = new Map(points.map(({ id, vector }) => [id, vector]))
    pictures.push(...ids.slice(at, at + PAGE).flatMap((id) => byId.get(id) ?? []))
  }
  const captions = heldOutCaptions(catalogue, queries)
  const encoder = await encoders.open(modelVersion)
  const encoded = await encoder.encodeTexts(captions)
  await encoder.close()
  return { modelVersion, dimension: encoder.dimension, pictures, queries: encoded }
}

/** Captions of validation pictures, at most `count`, evenly chosen in the order of their ids. */
export function heldOutCaptions(catalogue: Services['catalogue'], count: number): string[] {
  const captions: string[] = []
  for (const { split, caption } of catalogue.livePairs()) if (split === 'validation') captions.push(caption)
  if (captions.length === 0) throw new Error('The data folder has no validation captions to search by.')
  const step = Math.max(1, captions.length / count)
  return Array.from({ length: Math.min(count, captions.length) }, (_, i) => captions[Math.floor(i * step)] ?? '')
}
