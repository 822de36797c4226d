import { z } from 'zod'
import type { AdamState } from '../training/adamw.ts'
import type { Weights } from '../training/definitions/serving.ts'
import { readWeightsFile, writeWeightsFile } from '../training/weights-file.ts'

const epochSchema = z.object({
  epoch: z.number(),
  /** The mean over the epoch's steps, each before its update. */
  loss: z.number(),
  /** Of the development pairs, as are the next two. */
  ndcg_10: z.number(),
  reciprocal_rank: z.number(),
  average_precision: z.number(),
  /** What decides whether its weights are kept. */
  score: z.number(),
})
const noteSchema = z.object({ fingerprint: z.string(), history: z.array(epochSchema) })

export type InteractionEpoch = z.infer<typeof epochSchema>
type Standing = { readonly history: readonly InteractionEpoch[]; readonly best: Weights }
/** All arrays that change from step to step: the weights with the optimiser's running means, and their averages. */
type Learned = { readonly states: Readonly<Record<string, AdamState>>; readonly averages: Weights }

/** Where a training stood when an epoch ended; with its arguments this determines all that follows. */
export type InteractionCheckpoint = {
  save(learned: Learned, standing: Standing): Promise<void>
  /** Loads what was saved of the same training into `learned`; null when there is nothing to take up. */
  resume(learned: Learned): Promise<Standing | null>
}

const namedArrays = ({ states, averages }: Learned): Record<string, Float32Array> =>
  Object.fromEntries([
    ...Object.entries(states).flatMap(([name, { values, mean, square }]) => [
      [`values.${name}`, values] as const,
      [`mean.${name}`, mean] as const,
      [`square.${name}`, square] as const,
    ]),
    ...Object.entries(averages).map(([name, values]) => [`average.${name}`, values] as const),
  ])

const bestOf = (weights: Weights): Record<string, Float32Array> =>
  Object.fromEntries(Object.entries(weights).map(([name, values]) => [`best.${name}`, values]))

/** One file, replaced as a whole. `fingerprint` names what the training is a function of: a checkpoint of another is not taken up. */
export function interactionCheckpoint(path: string, fingerprint: string): InteractionCheckpoint {
  return {
    save: (learned, { history, best }) =>
      writeWeightsFile(path, {
        note: JSON.stringify({ fingerprint, history }),
        arrays: { ...namedArrays(learned), ...bestOf(best) },
      }),
    async resume(learned) {
      const saved = await readWeightsFile(path).catch(() => null) // what cannot be read must not keep anyone from training
      const note = noteSchema.safeParse(noteOf(saved?.note))
      if (saved === null || !note.success || note.data.fingerprint !== fingerprint) return null
      const arrays = namedArrays(learned)
      const expected = Object.entries({ ...arrays, ...bestOf(learned.averages) })
      if (expected.some(([name, { length }]) => saved.arrays[name]?.length !== length)) return null
      for (const [name, values] of Object.entries(arrays)) values.set(saved.arrays[name] ?? [])
      const best = Object.keys(learned.averages).map((name) => [name, saved.arrays[`best.${name}`] ?? new Float32Array(0)] as const) // prettier-ignore
      return { history: note.data.history, best: Object.fromEntries(best) }
    },
  }
}

function noteOf(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return null
  }
}
