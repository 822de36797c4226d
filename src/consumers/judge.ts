import { AppError } from '../core/errors.ts'
import type { Topic } from '../core/events.ts'
import type { Handler } from './runner.ts'

/** Topics that every process folds for itself and that no other group reads. */
export const judgedTopics = ['pairs.indexed', 'releases', 'erasures'] as const satisfies readonly Topic[]

/**
 * Gives up what cannot be decoded where everybody folds and nobody else consumes: each process passes such a record by itself, and
 * only a group makes one dead record of it, however many they are.
 */
export const createJudgeHandler = (): Handler<(typeof judgedTopics)[number]> => ({
  group: 'judge',
  topics: judgedTopics,
  async handle(records) {
    for (const { problem } of records) {
      if (problem !== null) throw new AppError(problem, 'The record cannot be decoded; see who wrote it, and how.')
    }
    return []
  },
})
