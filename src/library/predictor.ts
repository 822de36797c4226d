import { readFile } from 'node:fs/promises'
import { AppError } from '../core/errors.ts'
import { openEncoder } from '../models/open-encoder.ts'
import type { ImageInput } from '../ports/encoder.ts'
import { nearest, type Database, type Hit } from './database.ts'

/** The path of a picture file, or its bytes. */
export type Picture = string | Uint8Array

export type RankedImage = {
  /** The place of the picture in what was given. */
  readonly index: number
  /** Cosine similarity, from -1 to 1. */
  readonly score: number
}

/** A model for programs: vectors, rankings, and small databases in memory. */
export type Predictor = {
  readonly modelVersion: string
  /** Values of a vector. */
  readonly dimension: number
  /** A unit vector [dimension]. */
  encodeText(text: string): Promise<Float32Array>
  /** Unit vectors [dimension], in order. Throws `image-…` where a picture cannot be decoded, `source-not-found` where it cannot be read. */
  encodeImages(pictures: readonly Picture[]): Promise<readonly Float32Array[]>
  /** All pictures by their similarity to the text, most similar first; equals in the order given. */
  rankImages(query: string, pictures: readonly Picture[]): Promise<readonly RankedImage[]>
  /** Embeds pictures by id, some at a time, so that what comes may be a stream. Throws `invalid-request` for an id that comes twice. */
  buildDatabase(
    pictures:
      AsyncIterable<readonly [id: string, picture: Picture]> | Iterable<readonly [id: string, picture: Picture]>,
    onProgress?: (done: number) => void,
  ): Promise<Database>
  /**
   * The pictures most similar to a text, or to a picture's bytes, most similar first; 10 unless `limit` says otherwise. Throws
   * `invalid-request` where the database was built with another model.
   */
  searchDatabase(database: Database, query: string | Uint8Array, limit?: number): Promise<readonly Hit[]>
  close(): Promise<void>
}

/** Pictures embedded at a time. */
const AT_ONCE = 32

/**
 * Opens the model in a folder: one that was trained here, or a CLIP as the hubs publish it (`pairstream models pull`). Throws
 * `model-not-found`, `model-invalid` or `model-corrupt`.
 */
export async function createPredictor(folder: string, options: { readonly threads?: number } = {}): Promise<Predictor> {
  const encoder = await openEncoder(folder, options)
  const { modelVersion, dimension } = encoder
  const encodeImages = (pictures: readonly Picture[]) => encoder.encodeImages(pictures.map(inputOf))
  const encodeText = async (text: string): Promise<Float32Array> => {
    const [vector] = await encoder.encodeTexts([text])
    if (vector === undefined) throw new AppError('internal', 'The model gave no vector for a text.')
    return vector
  }
  const embedQuery = async (query: string | Uint8Array): Promise<Float32Array> => {
    if (typeof query === 'string') return encodeText(query)
    const [vector = new Float32Array(dimension)] = await encodeImages([query])
    return vector
  }

  return {
    modelVersion,
    dimension,
    encodeText,
    encodeImages,
    async rankImages(query, pictures) {
      const text = await encodeText(query)
      const vectors = await encodeImages(pictures)
      return vectors
        .map((vector, index) => ({ index, score: vector.reduce((sum, value, i) => sum + value * (text[i] ?? 0), 0) }))
        .sort((a, b) => b.score - a.score)
    },
    async buildDatabase(pictures, onProgress) {
      const ids = new Set<string>()
      const vectors: Float32Array[] = []
      let waiting: Picture[] = []
      const embedWaiting = async (): Promise<void> => {
        vectors.push(...(await encodeImages(waiting)))
        waiting = []
        onProgress?.(vectors.length)
      }
      for await (const [id, picture] of pictures) {
        if (ids.has(id)) throw new AppError('invalid-request', `The id ${id} comes twice; give every picture its own.`)
        ids.add(id)
        waiting.push(picture)
        if (waiting.length === AT_ONCE) await embedWaiting()
      }
      if (waiting.length > 0) await embedWaiting()
      const all = new Float32Array(vectors.length * dimension)
      for (const [row, vector] of vectors.entries()) all.set(vector, row * dimension)
      return { modelVersion, dimension, ids: [...ids], vectors: all }
    },
    async searchDatabase(database, query, limit = 10) {
      if (database.modelVersion !== modelVersion) {
        const other = `The database was built with ${database.modelVersion}, and this is ${modelVersion}`
        throw new AppError('invalid-request', `${other}: their vectors cannot be compared; build it again.`)
      }
      return nearest(database, await embedQuery(query), limit)
    },
    close: () => encoder.close(),
  }
}

const inputOf = (picture: Picture): ImageInput => ({
  imageId: null,
  bytes: async () => {
    if (typeof picture !== 'string') return picture
    return readFile(picture).catch((cause: unknown) => {
      throw new AppError('source-not-found', `The picture ${picture} cannot be read.`, { cause })
    })
  },
})
