import { describe, expect, it } from 'vitest'
import { topicConfigurations, topicFaults } from '../../../../src/adapters/event-log/kafka/topic-configuration.ts'
import { topicSettings } from '../../../../src/adapters/event-log/topic-settings.ts'

const wanted = topicConfigurations(12, 2)

const good = (topic: 'pairs' | 'releases') => {
  const configuration = wanted.get(topic)
  const settings = Object.entries(configuration?.settings ?? {}).map(([name, { value }]) => [name, value])
  return {
    configuration: configuration ?? { partitions: 0, settings: {} },
    found: {
      partitions: configuration?.partitions ?? 0,
      replicas: 3,
      settings: Object.fromEntries(settings) as Record<string, string>,
    },
  }
}

describe('the configuration of topics', () => {
  it('covers every topic, with one partition where one order is needed', () => {
    expect([...wanted.keys()]).toEqual([...topicSettings.keys()])
    expect(wanted.get('pairs')?.partitions).toBe(12)
    expect(wanted.get('pairs.dead')?.partitions).toBe(12)
    expect(wanted.get('releases')?.partitions).toBe(1)
  })

  it('takes a batch with a picture of 900 kB', () => {
    expect(Number(wanted.get('pairs')?.settings['max.message.bytes']?.value)).toBeGreaterThan(1_000_000)
  })

  it('finds no fault in what it would create itself', () => {
    const { configuration, found } = good('pairs')
    expect(topicFaults('pairs', found, configuration, 3)).toEqual([])
  })

  it.each([
    ['cleanup.policy', 'delete', 'compact'],
    ['delete.retention.ms', '86400000', '2592000000'],
    ['segment.ms', '604800000', '3600000'],
    ['max.compaction.lag.ms', '9223372036854775807', '86400000'],
    ['max.message.bytes', '1048588', 'at least 2097152'],
    ['min.insync.replicas', '1', 'at least 2'],
    ['unclean.leader.election.enable', 'true', 'false'],
  ])('names topic, setting, found and wanted where %s is %s', (setting, value, want) => {
    const { configuration, found } = good('pairs')
    const faults = topicFaults(
      'eu.pairs',
      { ...found, settings: { ...found.settings, [setting]: value } },
      configuration,
      3,
    )
    expect(faults).toHaveLength(1)
    expect(faults[0]).toContain(`The topic eu.pairs has ${setting} ${value}; set it to ${want}`)
  })

  it('takes more room and more replicas than it asks for', () => {
    const { configuration, found } = good('releases')
    const settings = { ...found.settings, 'max.message.bytes': '10485760', 'min.insync.replicas': '3' }
    expect(topicFaults('releases', { ...found, replicas: 5, settings }, configuration, 3)).toEqual([])
  })

  it('finds too few replicas', () => {
    const { configuration, found } = good('releases')
    expect(topicFaults('releases', { ...found, replicas: 1 }, configuration, 3)[0]).toContain('replication.factor 1')
  })
})
