import { AppError } from '../core/errors.ts'
import type { Topic } from '../core/events.ts'
import type { Handler } from './runner.ts'

/** Topics that no other group reads: every process folds them for itself, or reads them whole when it needs them. */
export const judgedTopics = [
  'pairs.indexed',
  'releases',
  'erasures',
  'judgements',
  'rerankers',
  'queries',
  'feedback',
  'audit',
] as const satisfies readonly Topic[]

/**
 * Gives up what cannot be decoded where nobody else consumes: each process passes such a record by itself, and
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
