import { beforeEach, describe, expect, it } from 'vitest'
import { dot } from '../../src/core/vector.ts'
import type { Encoder, ImageInput } from '../../src/ports/encoder.ts'

export type EncoderUnderTest = {
  readonly encoder: Encoder
  /** Three different pictures that the encoder can see. */
  readonly pictures: readonly Uint8Array[]
  /** Opens the same model anew; its vectors must be the same. */
  readonly reopen: () => Promise<Encoder>
}

const inputOf = (bytes: Uint8Array): ImageInput => ({ imageId: null, bytes: async () => bytes })
const TEXTS = ['a red circle', 'two blue squares', 'nothing anybody has said before', '']

/** What every encoder guarantees. `create` registers its own cleaning up. */
export function encoderContract(create: () => Promise<EncoderUnderTest>): void {
  let under: EncoderUnderTest
  beforeEach(async () => {
    under = await create()
  })

  const isUnit = (vector: Float32Array): void => {
    expect(vector).toHaveLength(under.encoder.dimension)
    expect(vector.every(Number.isFinite)).toBe(true)
    expect(dot(vector, vector)).toBeCloseTo(1, 4)
  }

  describe('an encoder', () => {
    it('gives one unit vector of its dimension for each picture and each text', async () => {
      const { encoder, pictures } = under
      const images = await encoder.encodeImages(pictures.map(inputOf))
      const texts = await encoder.encodeTexts(TEXTS)
      expect(images).toHaveLength(pictures.length)
      expect(texts).toHaveLength(TEXTS.length)
      for (const vector of [...images, ...texts]) isUnit(vector)
    })

    it('answers in the order of the input, whatever else is in the batch', async () => {
      const { encoder, pictures } = under
      const together = await encoder.encodeImages(pictures.map(inputOf))
      const backwards = await encoder.encodeImages([...pictures].reverse().map(inputOf))
      for (const [i, bytes] of pictures.entries()) {
        const [alone = new Float32Array()] = await encoder.encodeImages([inputOf(bytes)])
        expect(dot(alone, together[i] ?? new Float32Array())).toBeCloseTo(1, 4)
        expect(dot(alone, backwards[pictures.length - 1 - i] ?? new Float32Array())).toBeCloseTo(1, 4)
      }
      const [first, second] = await encoder.encodeTexts([TEXTS[1] ?? '', TEXTS[0] ?? ''])
      const [other] = await encoder.encodeTexts([TEXTS[0] ?? ''])
      expect(dot(second ?? new Float32Array(), other ?? new Float32Array())).toBeCloseTo(1, 4)
      expect(dot(first ?? new Float32Array(), other ?? new Float32Array())).toBeLessThan(0.999)
    })

    it('gives a caption of a pair the vector that it has by itself, the first time and the second', async () => {
      const { encoder } = under
      const pairIds = TEXTS.map((_, i) => `00000000-0000-5000-8000-00000000000${i}`)
      const plain = await encoder.encodeTexts(TEXTS)
      for (let time = 0; time < 2; time++) {
        const vectors = await encoder.encodeTexts(TEXTS, { pairIds })
        for (const [i, vector] of vectors.entries())
          expect(dot(vector, plain[i] ?? new Float32Array())).toBeCloseTo(1, 5)
      }
    })

    it('gives the same vectors when it is opened again', async () => {
      const before = await under.encoder.encodeTexts(TEXTS)
      const again = await under.reopen()
      try {
        expect(again).toMatchObject({ modelVersion: under.encoder.modelVersion, dimension: under.encoder.dimension })
        const after = await again.encodeTexts(TEXTS)
        expect(after.map((vector) => [...vector])).toEqual(before.map((vector) => [...vector]))
      } finally {
        await again.close()
      }
    })

    it('answers nothing with nothing', async () => {
      expect(await under.encoder.encodeImages([])).toEqual([])
      expect(await under.encoder.encodeTexts([])).toEqual([])
    })

    it('refuses a picture that is none, and goes on with the next', async () => {
      const { encoder, pictures } = under
      const letter = new TextEncoder().encode('dear reader')
      await expect(encoder.encodeImages([inputOf(letter)])).rejects.toMatchObject({ code: 'image-type-refused' })
      const [vector = new Float32Array()] = await encoder.encodeImages([inputOf(pictures[0] ?? letter)])
      isUnit(vector)
    })
  })
}
