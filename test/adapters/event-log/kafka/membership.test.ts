import type { Broker } from 'kafkajs'
import { expect, it, onTestFinished, vi } from 'vitest'
import { toAppError } from '../../../../src/core/errors.ts'
import type { RenewableConnection } from '../../../../src/adapters/event-log/kafka/connection.ts'
import { createDeferred } from '../../../../src/adapters/event-log/kafka/deferred.ts'
import { joinGroup } from '../../../../src/adapters/event-log/kafka/membership.ts'
import { promise } from '../../../fixtures/log-consumers.ts'

type Sync = { readonly groupAssignment: readonly { readonly memberAssignment: Buffer }[] }
type Join = { readonly memberId: string; readonly groupProtocols: readonly { readonly metadata: Buffer }[] }
type Answers = Record<string, (request: never) => Promise<unknown>>

const admit = async ({ memberId, groupProtocols }: Join) => ({
  generationId: 1,
  leaderId: 'me',
  memberId: 'me',
  members: memberId === '' ? [] : [{ memberId: 'me', memberMetadata: groupProtocols[0]?.metadata }],
})

const refusal = (type: string) => Object.assign(new Error(`The answer is ${type}`), { type })

/** Alone in its group, which answers so, with a session of a second. */
function startMember(answers: Answers) {
  const coordinator = {
    joinGroup: admit,
    syncGroup: async ({ groupAssignment }: Sync) => groupAssignment[0],
    heartbeat: async () => undefined,
    leaveGroup: async () => undefined,
    offsetCommit: async () => undefined,
    ...answers,
  } as unknown as Broker
  let cut = createDeferred<never>()
  const connection: RenewableConnection = {
    use: () => Promise.reject(new Error('not used')),
    useCoordinator: (_, work) => Promise.race([work(coordinator), cut.promise]),
    renew() {
      cut.reject(new Error('Closed connection'))
      cut = createDeferred()
    },
    close: () => undefined,
  }
  const stopping = new AbortController()
  const [assigned, lost] = [promise(), promise()]
  const warnings: string[] = []
  const membership = joinGroup({
    connection,
    group: 'readers',
    topics: ['pairs'],
    partitions: [{ topic: 'pairs', partition: 0 }],
    sessionTimeout: 1_000,
    stopping: stopping.signal,
    onRebalance: async () => undefined,
    onAssigned: async () => assigned.resolve(),
    onLost: () => lost.resolve(),
    onLog: (_, message) => warnings.push(message),
  })
  onTestFinished(() => membership.leave())
  const commit = () => membership.commit({ topic: 'pairs', partition: 0, offset: 1, isLost: () => false })
  return { membership, commit, stopping, warnings, assigned: assigned.promise, lost: lost.promise }
}

it('says once that commits fail, however often they are tried, and again after one that went well', async () => {
  let answered = 0
  const { assigned, commit, warnings } = startMember({
    offsetCommit: async () => {
      if (++answered % 4 !== 0) throw refusal('KAFKA_STORAGE_ERROR')
    },
  })
  await assigned
  await commit()
  expect(answered).toBe(4)
  expect(warnings).toEqual([expect.stringMatching(/readers does not commit: .*KAFKA_STORAGE_ERROR/)])
  await commit()
  expect(warnings).toHaveLength(2)
})

it('says once that heartbeats fail, however often they are tried, and again after one that went well', async () => {
  let answered = 0
  const heardOf = promise()
  const { assigned, warnings } = startMember({
    heartbeat: async () => {
      if (++answered === 9) heardOf.resolve()
      if (answered % 4 !== 0) throw new Error('Closed connection')
    },
  })
  await assigned
  await heardOf.promise
  expect(warnings).toEqual(Array.from({ length: 2 }, () => expect.stringContaining('readers: ') as string))
})

it('waits only for a while for a commit that is never answered, once it is to stop', async () => {
  const begun = promise()
  const { assigned, commit, stopping } = startMember({
    offsetCommit: async () => {
      begun.resolve()
      await new Promise(() => undefined)
    },
  })
  await assigned
  const committed = commit()
  await begun.promise
  const begunAt = performance.now()
  stopping.abort()
  await committed
  expect(performance.now() - begunAt).toBeLessThan(4_000)
})

it('commits what was in hand when it was to stop, however much later it is done', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const offsetCommit = vi.fn(async () => undefined)
  const { assigned, commit, stopping } = startMember({ offsetCommit })
  await assigned
  stopping.abort()
  vi.advanceTimersByTime(60_000)
  await commit()
  expect(offsetCommit).toHaveBeenCalledOnce()
})

it('knows that its partitions are lost when it is cut off while the group is shared out anew', async () => {
  const joins = { count: 0 }
  const { assigned, lost } = startMember({
    joinGroup: async (request: Join) => {
      if (++joins.count > 2) throw new Error('Closed connection')
      return admit(request)
    },
    heartbeat: () => Promise.reject(refusal('REBALANCE_IN_PROGRESS')),
  })
  await assigned
  await lost
  expect(joins.count).toBeGreaterThan(2)
})

it('leaves over a new connection, under the id it was just given, when it stops while others are waited for', async () => {
  const waiting = promise()
  const leaveGroup = vi.fn(async () => undefined)
  const { membership } = startMember({
    joinGroup: async (request: Join) => {
      if (request.memberId === '') return admit(request)
      waiting.resolve()
      return new Promise(() => undefined)
    },
    leaveGroup,
  })
  await waiting.promise
  const begunAt = performance.now()
  await membership.leave()
  expect(leaveGroup).toHaveBeenCalledWith({ groupId: 'readers', memberId: 'me' })
  expect(performance.now() - begunAt).toBeLessThan(1_000)
})

it('ends where the brokers refuse it from the beginning, and waits where they do so later', async () => {
  const refused = startMember({ joinGroup: () => Promise.reject(refusal('GROUP_AUTHORIZATION_FAILED')) })
  await expect(refused.membership.failed).rejects.toMatchObject({ code: 'configuration-invalid' })

  const joins = { count: 0 }
  const again = promise()
  const { assigned, membership, warnings } = startMember({
    joinGroup: async (request: Join) => {
      if (++joins.count === 3 || joins.count === 4) throw refusal('GROUP_AUTHORIZATION_FAILED')
      if (joins.count === 5) again.resolve()
      return admit(request)
    },
    heartbeat: async () => {
      if (joins.count === 2) throw refusal('ILLEGAL_GENERATION')
    },
  })
  await assigned
  const outcome = await Promise.race([again.promise, membership.failed.catch(toAppError)])
  expect(outcome).toBeUndefined()
  expect(warnings).toHaveLength(1)
})
