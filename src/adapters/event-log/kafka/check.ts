import { toAppError } from '../../../core/errors.ts'
import { topics } from '../../../core/events.ts'
import type { KafkaLogOptions } from './options.ts'
import { createSchemaRegistry } from './schema-registry.ts'
import { findTopicFaults, topicName } from './topics.ts'
import { subjectOf } from './value-codec.ts'

/**
 * What is wrong with brokers, topics and registry, each a sentence that says how to put it right; empty when all is well.
 * Changes nothing and does not throw.
 */
export async function checkKafka(options: KafkaLogOptions): Promise<readonly string[]> {
  const faults = await Promise.all([
    findTopicFaults(options).catch((error: unknown) => [
      `${toAppError(error).message} (check EVENT_LOG_URL and that the brokers run)`,
    ]),
    checkRegistry(options).catch((error: unknown) => [toAppError(error).message]),
  ])
  return faults.flat()
}

async function checkRegistry(options: KafkaLogOptions): Promise<string[]> {
  const registry = createSchemaRegistry(options.registry)
  const faults = await Promise.all(
    topics.map(async (topic) => {
      const subject = subjectOf(topicName(options, topic))
      const level = await registry.compatibility(subject)
      return level === null || level === 'FULL_TRANSITIVE'
        ? []
        : [`The schema registry has compatibility ${level} for ${subject}; set it to FULL_TRANSITIVE.`]
    }),
  )
  return faults.flat()
}
