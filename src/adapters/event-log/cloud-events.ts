import { randomId } from '../../core/ids.ts'
import type { AnyTopic } from './topic-settings.ts'

export type Headers = Readonly<Record<string, string>>

/**
 * The headers of a record in the CloudEvents binary mode for Kafka (attributes as `ce_…`), added where absent; others, such
 * as `traceparent`, pass through. `time` is in milliseconds since the epoch.
 */
export const cloudEventHeaders = (
  topic: AnyTopic,
  schemaVersion: number,
  time: number,
  headers: Headers = {},
): Headers => ({
  ce_specversion: '1.0',
  ce_id: randomId(),
  ce_source: '/pairstream',
  ce_type: `pairstream.${topic}.v${schemaVersion}`,
  ce_time: new Date(time).toISOString(),
  ...headers,
})
