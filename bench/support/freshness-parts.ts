import type { EmbeddedIndex } from '../../src/adapters/vector-index/embedded.ts'
import { createEmbeddedIndex } from '../../src/adapters/vector-index/embedded.ts'
import { imageIdOf, pairIdOf } from '../../src/core/ids.ts'
import { openDualEncoder } from '../../src/models/dual-encoder.ts'
import type { Encoder } from '../../src/ports/encoder.ts'

/** How long each part of making a pair searchable takes by itself, in milliseconds. */
export type Parts = { readonly picture: number; readonly caption: number; readonly index: number }

const GENERATION = 'bench'

/** The work without the way: a picture decoded and embedded, its caption embedded, both points made durable; one after another. */
export async function openParts(modelFolder: string, threads: number, indexFolder: string) {
  const encoder: Encoder = await openDualEncoder(modelFolder, { threads })
  const index: EmbeddedIndex = createEmbeddedIndex({ folder: indexFolder, writable: true })
  await index.create(GENERATION, encoder.dimension)
  return {
    async measure(bytes: Uint8Array, caption: string): Promise<Parts> {
      const imageId = imageIdOf(bytes)
      const payload = { imageId, captions: [caption], split: 'train', metadata: {}, offset: 0 } as const
      const start = performance.now()
      const [picture] = await encoder.encodeImages([{ imageId: null, bytes: async () => bytes }])
      const seen = performance.now()
      const [text] = await encoder.encodeTexts([caption])
      const read = performance.now()
      if (picture === undefined || text === undefined) throw new Error('The encoder gave no vector.')
      await index.upsert(GENERATION, 'images', [{ id: imageId, vector: picture, payload }])
      await index.upsert(GENERATION, 'captions', [{ id: pairIdOf(imageId, caption), vector: text, payload }])
      return { picture: seen - start, caption: read - seen, index: performance.now() - read }
    },
    async close() {
      await index.close()
      await encoder.close()
    },
  }
}
