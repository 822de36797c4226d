import { z } from 'zod'
import type { Weights } from '../training/definitions/serving.ts'
import { bestAmong, namedArrays, namedBest, type Learned } from '../training/learned-arrays.ts'
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
/** Where a training stood when an epoch ended; with its arguments this determines all that follows. */
export type InteractionCheckpoint = {
  save(learned: Learned, standing: Standing): Promise<void>
  /** Loads what was saved of the same training into `learned`; null when there is nothing to take up. */
  resume(learned: Learned): Promise<Standing | null>
}

/** One file, replaced as a whole. `fingerprint` names what the training is a function of: a checkpoint of another is not taken up. */
export function interactionCheckpoint(path: string, fingerprint: string): InteractionCheckpoint {
  return {
    save: (learned, { history, best }) =>
      writeWeightsFile(path, {
        note: JSON.stringify({ fingerprint, history }),
        arrays: { ...namedArrays(learned), ...namedBest(best) },
      }),
    async resume(learned) {
      const saved = await readWeightsFile(path).catch(() => null) // what cannot be read must not keep anyone from training
      const note = noteSchema.safeParse(noteOf(saved?.note))
      if (saved === null || !note.success || note.data.fingerprint !== fingerprint) return null
      const arrays = namedArrays(learned)
      const expected = Object.entries({ ...arrays, ...namedBest(learned.averages) })
      if (expected.some(([name, { length }]) => saved.arrays[name]?.length !== length)) return null
      for (const [name, values] of Object.entries(arrays)) values.set(saved.arrays[name] ?? [])
      return { history: note.data.history, best: bestAmong(saved.arrays) ?? learned.averages }
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
