import type { Broker } from 'kafkajs'
import { expect, it, onTestFinished } from 'vitest'
import type { Connection } from '../../../../src/adapters/event-log/kafka/connection.ts'
import { joinGroup } from '../../../../src/adapters/event-log/kafka/membership.ts'
import { promise } from '../../../fixtures/log-consumers.ts'

type Sync = { readonly groupAssignment: readonly { readonly memberAssignment: Buffer }[] }
type Join = { readonly groupProtocols: readonly { readonly metadata: Buffer }[] }

/** A member, alone in its group, whose commits are answered so. */
async function memberWhere(offsetCommit: () => Promise<unknown>) {
  const coordinator = {
    joinGroup: async ({ groupProtocols }: Join) => ({
      generationId: 1,
      leaderId: 'me',
      memberId: 'me',
      members: [{ memberId: 'me', memberMetadata: groupProtocols[0]?.metadata }],
    }),
    syncGroup: async ({ groupAssignment }: Sync) => groupAssignment[0],
    heartbeat: async () => undefined,
    leaveGroup: async () => undefined,
    offsetCommit,
  } as unknown as Broker
  const connection: Connection = {
    use: () => Promise.reject(new Error('not used')),
    useCoordinator: (_, work) => work(coordinator),
    close: () => undefined,
  }
  const stopping = new AbortController()
  const assigned = promise()
  const warnings: string[] = []
  const membership = joinGroup({
    connection,
    group: 'readers',
    topics: ['pairs'],
    partitions: [{ topic: 'pairs', partition: 0 }],
    sessionTimeout: 6_000,
    stopping: stopping.signal,
    onRebalance: async () => undefined,
    onAssigned: async () => assigned.resolve(),
    onLost: () => undefined,
    onLog: (_, message) => warnings.push(message),
  })
  onTestFinished(() => membership.leave())
  await assigned.promise
  const commit = () => membership.commit({ topic: 'pairs', partition: 0, offset: 1, isLost: () => false })
  return { commit, stopping, warnings }
}

it('says once that commits fail, however often they are tried, and again after one that went well', async () => {
  const refusal = Object.assign(new Error('The disk is full'), { type: 'KAFKA_STORAGE_ERROR' })
  let answered = 0
  const { commit, warnings } = await memberWhere(async () => {
    if (++answered % 4 !== 0) throw refusal
  })
  await commit()
  expect(answered).toBe(4)
  expect(warnings).toEqual([expect.stringMatching(/readers does not commit: .*The disk is full/)])
  await commit()
  expect(warnings).toHaveLength(2)
})

it('waits only for a while for a commit that is never answered, once it is to stop', async () => {
  const begun = promise()
  const { commit, stopping } = await memberWhere(async () => {
    begun.resolve()
    await new Promise(() => undefined)
  })
  const committed = commit()
  await begun.promise
  const begunAt = performance.now()
  stopping.abort()
  await committed
  expect(performance.now() - begunAt).toBeLessThan(4_000)
})
