import { z } from 'zod'
import { toAppError } from '../core/errors.ts'
import type { Calibration } from '../core/relevance.ts'
import type { BlobStore } from '../ports/blob-store.ts'

const PREFIX = 'calibrations/'
const keyOf = (generation: string): string => `${PREFIX}${generation}.json`

const share = z.number().min(0).max(1)
const CalibrationSchema = z.object({
  modelVersion: z.string(),
  generation: z.string(),
  images: z.int().min(0),
  fittedAt: z.number(),
  model: z.object({
    intercept: z.number(),
    scoreSlope: z.number().min(0),
    shareSlope: z.number().min(0),
    sharpness: z.number().min(0),
  }),
  threshold: share,
  report: z.object({
    queries: z.int(),
    images: z.int(),
    calibrationError: share,
    calibrationErrorOfBest: share,
    auroc: share,
    aurocOfBest: share,
    wronglyEmpty: share,
    rightlyEmpty: share,
    bins: z.array(z.object({ said: share, seen: share, hits: z.int() })),
  }),
})

/** What was fitted of relevance, a file a generation in the blob store: it can be fitted again at any time. */
export type CalibrationStore = {
  /** When it was put there, in milliseconds since the epoch; null where nothing was. */
  putAt(generation: string): Promise<number | null>
  /** Null for none, and for one that cannot be read. */
  get(generation: string): Promise<Calibration | null>
  put(calibration: Calibration): Promise<void>
  /** Deletes those of generations that are not among `live`. */
  keep(live: ReadonlySet<string>): Promise<void>
}

export function createCalibrationStore(blobs: BlobStore): CalibrationStore {
  return {
    putAt: async (generation) => (await blobs.info(keyOf(generation)))?.putAt ?? null,
    async get(generation) {
      const bytes = await blobs.get(keyOf(generation))
      if (bytes === null) return null
      try {
        return CalibrationSchema.parse(JSON.parse(new TextDecoder().decode(bytes)))
      } catch (error) {
        if (toAppError(error).kind === 'unavailable') throw error
        return null
      }
    },
    put: (calibration) =>
      blobs.put(keyOf(calibration.generation), new TextEncoder().encode(JSON.stringify(calibration))),
    async keep(live) {
      const wanted = new Set([...live].map(keyOf))
      for await (const { key } of blobs.list(PREFIX)) if (!wanted.has(key)) await blobs.delete(key)
    },
  }
}
