import { describe, inject } from 'vitest'
import { eventLogContract } from '../contracts/event-log.ts'
import { createLogUnderTest, ownOptions } from './kafka-fixture.ts'

const servers = inject('servers')
const partitions = 4

describe('the Kafka event log', () => {
  eventLogContract({
    create: () => createLogUnderTest(ownOptions(servers, { partitions })),
    partitions,
    runs: 6,
    maintains: false,
  })
})
