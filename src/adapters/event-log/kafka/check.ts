import { toAppError } from '../../../core/errors.ts'
import { topics } from '../../../core/events.ts'
import type { KafkaLogOptions } from './options.ts'
import { levelFault, levelOf } from './subject-level.ts'
import { findTopicFaults, topicName } from './topics.ts'
import { subjectOf } from './value-codec.ts'

/**
 * What is wrong with brokers, topics and registry, each a sentence that says how to put it right; empty when all is well.
 * Changes nothing and does not throw.
 */
export async function checkKafka(options: KafkaLogOptions): Promise<readonly string[]> {
  const faults = await Promise.all([
    findTopicFaults(options).catch((error: unknown) => {
      const { code, message } = toAppError(error)
      return [
        code === 'log-unavailable' ? `${message} (check EVENT_LOG_URL, KAFKA_TLS and that the brokers run)` : message,
      ]
    }),
    checkRegistry(options).catch((error: unknown) => [toAppError(error).message]),
  ])
  return faults.flat()
}

async function checkRegistry(options: KafkaLogOptions): Promise<string[]> {
  const faults = await Promise.all(
    topics.map(async (topic) => {
      const subject = subjectOf(topicName(options, topic))
      return levelFault(await levelOf(options.registry, subject), subject)
    }),
  )
  return faults.filter((fault) => fault !== '')
}
