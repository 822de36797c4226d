import { AppError } from '../../core/errors.ts'
import type { Topic } from '../../core/events.ts'
import type { Offsets } from '../../ports/event-log.ts'

/** Throws `invalid-request` unless every offset lies between the first record of its partition and the end of it. */
export function checkSeek(topic: Topic, offsets: Offsets, ends: Offsets): void {
  for (const [partition, next] of offsets) {
    const end = ends.get(partition)
    if (end === undefined) throw new AppError('invalid-request', `The topic ${topic} has no partition ${partition}.`)
    if (!Number.isInteger(next) || next < 0 || next > end)
      throw new AppError('invalid-request', `Offsets of ${topic}, partition ${partition}, go from 0 to ${end}.`)
  }
}
