import { isCompacted } from '../topic-settings.ts'
import type { Lane } from './lane.ts'

/** What is known of lanes that get nothing although their partitions go on. */
export interface LaneGaps {
  /** Notes one more answer, to a question for this lane alone. Whether it is now taken for certain that nothing is left before `end`. */
  confirm(lane: Lane, isEmpty: boolean, end: number): boolean
  /** The lane got something. */
  forget(lane: Lane): void
}

/**
 * How many answers in a row must hold nothing, and tell of the same end. A single one proves little: brokers that are slow to read
 * what they keep elsewhere may give such too.
 */
const ENOUGH = 5

/** Only compaction leaves gaps: elsewhere what is not given is there. */
export function createGaps(): LaneGaps {
  const found = new WeakMap<Lane, { readonly end: number; readonly answers: number }>()

  return {
    confirm(lane, isEmpty, end) {
      const last = found.get(lane)
      const answers = !isEmpty ? 0 : last?.end === end ? last.answers + 1 : 1
      found.set(lane, { end, answers })
      return answers >= ENOUGH && isCompacted(lane.topic)
    },
    forget: (lane) => void found.delete(lane),
  }
}
