import { toAppError, type ErrorCode } from '../core/errors.ts'
import type { Encoder, ImageInput } from '../ports/encoder.ts'

export type Picture = ImageInput & { readonly name: string }
export type EncodedPicture = { readonly name: string; readonly vector: Float32Array }
export type BrokenPicture = { readonly name: string; readonly code: ErrorCode; readonly detail: string }

type EncodedPictures = { readonly encoded: readonly EncodedPicture[]; readonly broken: readonly BrokenPicture[] }

const PICTURES_AT_ONCE = 32
const TEXTS_AT_ONCE = 256

/** Embeds pictures in slices, in their order; those that cannot be read or decoded are set aside and stop nothing. */
export async function encodePictures(
  encoder: Encoder,
  pictures: readonly Picture[],
  onProgress: (done: number) => void,
): Promise<EncodedPictures> {
  const encoded: EncodedPicture[] = []
  const broken: BrokenPicture[] = []
  const encode = async (slice: readonly Picture[]): Promise<void> => {
    const vectors = await encoder.encodeImages(slice)
    for (const [index, vector] of vectors.entries()) encoded.push({ name: slice[index]?.name ?? '', vector })
  }
  for (let at = 0; at < pictures.length; at += PICTURES_AT_ONCE) {
    const slice = pictures.slice(at, at + PICTURES_AT_ONCE)
    try {
      await encode(slice)
    } catch {
      // One at a time finds the broken ones.
      for (const picture of slice)
        await encode([picture]).catch((error: unknown) => broken.push(brokenPicture(picture, error)))
    }
    onProgress(Math.min(at + PICTURES_AT_ONCE, pictures.length))
  }
  return { encoded, broken }
}

function brokenPicture({ name }: Picture, error: unknown): BrokenPicture {
  const failure = toAppError(error)
  // A model that cannot run is no fault of a picture, and would set all of them aside.
  if (failure.kind !== 'invalid' || failure.code.startsWith('model-')) throw failure
  return { name, code: failure.code, detail: failure.message }
}

/** Embeds texts in slices, in their order. */
export async function encodeTexts(
  encoder: Encoder,
  texts: readonly string[],
  onProgress: (done: number) => void,
): Promise<readonly Float32Array[]> {
  const vectors: Float32Array[] = []
  for (let at = 0; at < texts.length; at += TEXTS_AT_ONCE) {
    vectors.push(...(await encoder.encodeTexts(texts.slice(at, at + TEXTS_AT_ONCE))))
    onProgress(Math.min(at + TEXTS_AT_ONCE, texts.length))
  }
  return vectors
}
