import { adamState, adamW, type AdamState, type AdamStep } from './adamw.ts'

/**
 * The embeddings of all words, outside the graph: ONNX Runtime adds duplicate rows with a race (microsoft/onnxruntime#18048), so
 * rows are gathered and their gradients summed here, in the order of the batch. Only rows of words in the batch are updated.
 */
export type WordTable = {
  readonly state: AdamState
  readonly width: number
  /** Copies the rows of `ids` (0: padding, left as it is) into `target` [ids, width]. */
  gather(ids: Int32Array, target: Float32Array): void
  /** Sums the gradients [ids, width] by word; returns the sum of their squares. */
  accumulate(ids: Int32Array, gradients: Float32Array): number
  /** Updates the rows that `accumulate` saw last. */
  update(step: AdamStep): void
}

export function createWordTable(values: Float32Array, width: number): WordTable {
  const state = adamState(values)
  const slots = new Map<number, number>()
  let sums = new Float32Array(0)
  return {
    state,
    width,
    gather(ids, target) {
      for (const [place, id] of ids.entries()) {
        if (id !== 0) target.set(values.subarray(id * width, (id + 1) * width), place * width)
      }
    },
    accumulate(ids, gradients) {
      slots.clear()
      for (const id of ids) if (id !== 0 && !slots.has(id)) slots.set(id, slots.size)
      const used = slots.size * width
      if (sums.length < used) sums = new Float32Array(used * 2)
      sums.fill(0, 0, used)
      for (const [place, id] of ids.entries()) {
        const slot = slots.get(id)
        if (slot === undefined) continue
        const from = place * width
        const to = slot * width
        for (let i = 0; i < width; i++) sums[to + i] = (sums[to + i] as number) + (gradients[from + i] as number)
      }
      let squared = 0
      for (let i = 0; i < used; i++) squared += (sums[i] as number) ** 2
      return squared
    },
    update(step) {
      for (const [id, slot] of slots) adamW(state, sums, step, id * width, width, slot * width)
    },
  }
}
