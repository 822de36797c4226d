import type { Lane } from './lane.ts'

/** The pauses of lanes that fail while others do not. */
export interface LaneRests {
  has(lane: Lane): boolean
  /** Lets the lane rest, longer each time until it is forgotten. Whether this reason is another than the last one. */
  begin(lane: Lane, reason: string): boolean
  /** The lane is well. */
  forget(lane: Lane): void
}

const FIRST_REST = 50
const LONGEST_REST = 10_000

type Rest = { readonly reason: string; readonly milliseconds: number; readonly until: number }

/** `onOver` is told when a lane may be tried again. */
export function createRests(onOver: () => void): LaneRests {
  const rests = new WeakMap<Lane, Rest>()

  return {
    has: (lane) => performance.now() < (rests.get(lane)?.until ?? 0),
    begin(lane, reason) {
      const last = rests.get(lane)
      const milliseconds = last === undefined ? FIRST_REST : Math.min(last.milliseconds * 2, LONGEST_REST)
      const until = performance.now() + milliseconds
      rests.set(lane, { reason, milliseconds, until })
      setTimeout(onOver, milliseconds + 1).unref()
      return last?.reason !== reason
    },
    forget: (lane) => void rests.delete(lane),
  }
}
