import { z } from 'zod'
import { AppError } from '../core/errors.ts'
import { dot } from '../core/vector.ts'
import { readWeightsFile, writeWeightsFile } from '../training/weights-file.ts'

/** Embedded pictures, in memory: a hundred thousand of 512 values take 200 MB, and are searched exactly. */
export type Database = {
  readonly modelVersion: string
  readonly dimension: number
  readonly ids: readonly string[]
  /** [ids, dimension], unit rows. */
  readonly vectors: Float32Array
}

export type Hit = { readonly id: string; readonly score: number }

const FORMAT = 'pairstream-database-1'
const noteSchema = z.object({
  format: z.literal(FORMAT),
  modelVersion: z.string(),
  dimension: z.number().int().positive(),
  ids: z.array(z.string()),
})

/** The `limit` best by dot product, best first; equals in the order of the database. */
export function nearest({ ids, vectors, dimension }: Database, query: Float32Array, limit: number): Hit[] {
  const hits = ids.map((id, row) => ({
    id,
    score: dot(query, vectors.subarray(row * dimension, (row + 1) * dimension)),
  }))
  return hits.sort((a, b) => b.score - a.score).slice(0, limit)
}

/** Writes a database as one safetensors file, whole or not at all. */
export async function saveDatabase(path: string, { modelVersion, dimension, ids, vectors }: Database): Promise<void> {
  const note = JSON.stringify({ format: FORMAT, modelVersion, dimension, ids })
  await writeWeightsFile(path, { note, arrays: { vectors } })
}

/** Throws `source-not-found` where there is no file, `source-unrecognised` where it is no database. */
export async function loadDatabase(path: string): Promise<Database> {
  const file = await readWeightsFile(path).catch((cause: unknown) => {
    throw unrecognised(path, cause)
  })
  if (file === null) throw new AppError('source-not-found', `There is no database ${path}; build one and save it.`)
  try {
    const { modelVersion, dimension, ids } = noteSchema.parse(JSON.parse(file.note))
    const vectors = file.arrays['vectors']
    if (vectors?.length === ids.length * dimension) return { modelVersion, dimension, ids, vectors }
  } catch (cause) {
    throw unrecognised(path, cause)
  }
  throw unrecognised(path)
}

const unrecognised = (path: string, cause?: unknown): AppError =>
  new AppError('source-unrecognised', `${path} is not a database of embedded pictures; build it again.`, { cause })
