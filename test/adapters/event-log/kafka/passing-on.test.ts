import type { Broker } from 'kafkajs'
import { expect, it } from 'vitest'
import { passingOn } from '../../../../src/adapters/event-log/kafka/passing-on.ts'
import { promise } from '../../../fixtures/log-consumers.ts'

it('gives connecting the shorter time for as long as anybody connects', async () => {
  const requestQueue = { requestTimeout: 10_000 }
  const lives = [promise(), promise()]
  const going = [...lives]
  const plain = {
    connectionPool: { connectionTimeout: 3_000, pool: [{ requestQueue }] },
    connect: () => going.shift()?.promise,
  }
  const broker = passingOn(plain as unknown as Broker)
  const [first, second] = [broker.connect(), broker.connect()]
  lives[0]?.resolve()
  await first
  expect(requestQueue.requestTimeout).toBe(3_000)
  lives[1]?.resolve()
  await second
  expect(requestQueue.requestTimeout).toBe(10_000)
})
