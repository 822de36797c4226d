import { adamState, adamW, type AdamState, type AdamStep } from './adamw.ts'
import type { Reading } from './word-readings.ts'

/** The ids of a caption's words, in order; `PADDING_ID` stands where one is not read: unknown, or dropped out. */
export type Words = readonly number[]

/**
 * The embeddings of all words, outside the graph: ONNX Runtime adds duplicate rows with a race (microsoft/onnxruntime#18048), so
 * words are looked up and their gradients summed here, in the order of the batch. Only rows of words in the batch are updated.
 */
type WordTable = {
  readonly state: AdamState
  /** Writes the embedded words of the captions to `target`, as the tower reads them; zeros where there is no word. */
  embed(captions: readonly Words[], target: Float32Array): void
  /** Sums the gradients of what `embed` wrote by word; returns the sum of their squares. */
  accumulate(captions: readonly Words[], gradients: Float32Array): number
  /** Updates the rows that `accumulate` saw last. */
  update(step: AdamStep): void
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
      slots.clear()
      reading(captions, (id) => {
        if (!slots.has(id)) slots.set(id, slots.size)
      })
      const used = slots.size * width
      if (sums.length < used) sums = new Float32Array(used * 2)
      sums.fill(0, 0, used)
      reading(captions, (id, row, factor) => {
        addScaled(sums, (slots.get(id) ?? 0) * width, gradients, row * width, factor, width)
      })
      let squared = 0
      for (let i = 0; i < used; i++) squared += (sums[i] as number) ** 2
      return squared
    },
    update(step) {
      // Not for…of: V8 inlines the pass into that loop and then runs it ten times slower.
      slots.forEach((slot, id) => adamW(state, sums, step, id * width, width, slot * width))
    },
  }
}
