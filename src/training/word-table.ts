import { adamState, adamW, squaredLength, type AdamState, type AdamStep } from './adamw.ts'
import type { Reading } from './word-readings.ts'

/** The ids of a caption's words, in order; `PADDING_ID` stands where one is not read: unknown, or dropped out. */
export type Words = readonly number[]

/**
 * The embeddings of all words, outside the graph: ONNX Runtime adds duplicate rows with a race (microsoft/onnxruntime#18048), so
 * words are looked up and their gradients summed here, in the order of the batch. Only rows of words in the batch are updated.
 */
export type WordTable = {
  readonly state: AdamState
  /** Writes the embedded words of the captions to `target`, as the tower reads them; zeros where there is no word. */
  embed(captions: readonly Words[], target: Float32Array): void
  /** Adds the gradients of what `embed` wrote to those of their words. */
  accumulate(captions: readonly Words[], gradients: Float32Array): void
  /** The sum of the squares of all that was accumulated. */
  squaredNorm(): number
  /** Updates the rows for which something was accumulated. */
  update(step: AdamStep): void
  /** Begins anew to accumulate. */
  forget(): void
}

/** Adds `width` values of `source` times `factor` to those of `target`. */
function addScaled(
  target: Float32Array,
  to: number,
  source: Float32Array,
  from: number,
  factor: number,
  width: number,
): void {
  for (let i = 0; i < width; i++) {
    target[to + i] = (target[to + i] as number) + (source[from + i] as number) * factor
  }
}

export function createWordTable(values: Float32Array, width: number, reading: Reading): WordTable {
  const state = adamState(values)
  const slots = new Map<number, number>()
  let sums = new Float32Array(0)
  return {
    state,
    embed(captions, target) {
      target.fill(0)
      reading(captions, (id, row, factor) => addScaled(target, row * width, values, id * width, factor, width))
    },
    accumulate(captions, gradients) {
      const before = slots.size * width
      reading(captions, (id) => {
        if (!slots.has(id)) slots.set(id, slots.size)
      })
      const used = slots.size * width
      if (sums.length < used) {
        const larger = new Float32Array(used * 2)
        larger.set(sums.subarray(0, before))
        sums = larger
      }
      sums.fill(0, before, used)
      reading(captions, (id, row, factor) => {
        addScaled(sums, (slots.get(id) ?? 0) * width, gradients, row * width, factor, width)
      })
    },
    squaredNorm: () => squaredLength(sums, slots.size * width),
    update(step) {
      // Not for…of: V8 inlines the pass into that loop and then runs it ten times slower.
      slots.forEach((slot, id) => adamW(state, sums, step, id * width, width, slot * width))
    },
    forget: () => slots.clear(),
  }
}
