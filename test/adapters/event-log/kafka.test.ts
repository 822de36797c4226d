import { describe, expect, it } from 'vitest'
import { createKafkaLog, type KafkaLogOptions } from '../../../src/adapters/event-log/kafka.ts'
import { freePort } from '../../servers/server-process.ts'

const plain = { mechanism: 'plain', username: 'us', password: 'hidden' } as const

describe('the Kafka log', () => {
  it.each<[string, Partial<KafkaLogOptions>, number]>([
    ['warns of a password in clear text', { sasl: plain }, 1],
    ['does not where TLS covers it', { sasl: plain, tls: true }, 0],
    ['does not where the password stays here', { sasl: { ...plain, mechanism: 'scram-sha-256' } }, 0],
  ])('%s', async (_, changes, count) => {
    const warnings: string[] = []
    const nowhere = `127.0.0.1:${await freePort()}`
    const opened = createKafkaLog({
      brokers: [nowhere],
      registry: { url: `http://${nowhere}` },
      partitions: 1,
      onLog: (level, text) => level === 'warn' && warnings.push(text),
      ...changes,
    })
    await expect(opened).rejects.toMatchObject({ kind: 'unavailable' })
    expect(warnings.filter((text) => text.includes('clear text'))).toHaveLength(count)
    expect(warnings.join()).not.toContain('hidden')
  })
})
