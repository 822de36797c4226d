import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createSqliteLog } from '../../src/adapters/event-log/sqlite.ts'
import { createAuditVerifier } from '../../src/core/audit-chain.ts'
import { AppError } from '../../src/core/errors.ts'
import type { EventLog } from '../../src/ports/event-log.ts'
import { createAuditLog, readAudit } from '../../src/roles/audit-log.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

const fact = (object: string) => ({
  principal: { id: 'local', name: null },
  action: 'pairs:erase',
  object,
  count: 1,
  outcome: 'ok',
  traceId: null,
})
const names = { remember: async () => undefined }

async function opened() {
  const log = createSqliteLog({ path: join(await temporaryFolder(), 'log.db'), partitions: 2 })
  onTestFinished(() => log.close())
  const anchors: string[] = []
  const writer = (over: Pick<EventLog, 'append' | 'tail' | 'endOffsets'> = log) =>
    createAuditLog({ log: over, names, clock: Date.now, onAnchor: (head) => void anchors.push(head) })
  const verify = async () => {
    const verifier = createAuditVerifier(anchors)
    await readAudit(log, {}, ({ offset, entry }) => verifier.take(offset, entry))
    return verifier.end()
  }
  return { log, writer, verify, anchors }
}

it('chains what several writers record at once, and tells the ends of their chains', async () => {
  const { writer, verify, anchors } = await opened()
  const writers = [writer(), writer(), writer()]
  const numbers = Array.from({ length: 150 }, (_, number) => number)
  await Promise.all(writers.flatMap((audit) => numbers.map((number) => audit.record(fact(`${number}`)))))
  await Promise.all(writers.map((audit) => audit.close()))
  expect(await verify()).toMatchObject({ entries: 450, writers: 3, faults: [], missing: [] })
  expect(anchors.filter((head) => head.includes('/149:'))).toHaveLength(3)
})

it('gives pages, newest first', async () => {
  const { writer } = await opened()
  const audit = writer()
  expect(await audit.page(null, 10)).toEqual([])
  for (const object of ['a', 'b', 'c', 'd', 'e']) await audit.record(fact(object))
  const objects = async (before: number | null) => (await audit.page(before, 2)).map(({ entry }) => entry?.object)
  expect(await objects(null)).toEqual(['e', 'd'])
  expect(await objects(3)).toEqual(['c', 'b'])
  expect(await objects(1)).toEqual(['a'])
  expect(await objects(0)).toEqual([])
})

it.each([true, false])('begins a new chain after an append that may have arrived (it did: %s)', async (didArrive) => {
  const { log, writer, verify } = await opened()
  let isAway = false
  const flaky: Pick<EventLog, 'append' | 'tail' | 'endOffsets'> = {
    ...log,
    async append(records) {
      if (!isAway) return log.append(records)
      if (didArrive) await log.append(records)
      throw new AppError('publish-unconfirmed', 'It may have arrived.')
    },
  }
  const audit = writer(flaky)
  await audit.record(fact('before'))
  isAway = true
  const lost = await Promise.allSettled(['x', 'y'].map((object) => audit.record(fact(object))))
  expect(lost.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  isAway = false
  await audit.record(fact('after'))
  await audit.close()
  expect(await verify()).toMatchObject({ writers: 2, entries: didArrive ? 4 : 2, faults: [], missing: [] })
})
