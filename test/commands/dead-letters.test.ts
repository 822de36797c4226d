import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createSqliteLog } from '../../src/adapters/event-log/sqlite.ts'
import type { EventLog, NewRecord, Position } from '../../src/ports/event-log.ts'
import { lockFolder } from '../../src/sqlite/folder-lock.ts'
import { pairEvent, pairRecord, tombstone } from '../fixtures/pair-events.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import type { Environment } from './run-cli.ts'
import { runHere } from './run-here.ts'

const PARTITIONS = 12

const death = {
  origin_topic: 'models.trained',
  origin_partition: '0',
  origin_offset: '7',
  cause: 'blob-missing',
  group: 'release',
  attempts: '1',
}

/** Opens the log of a data folder for as long as `body` runs. */
async function withLog<T>(folder: string, body: (log: EventLog) => Promise<T>): Promise<T> {
  const log = createSqliteLog({ path: join(folder, 'log.db'), partitions: PARTITIONS })
  try {
    return await body(log)
  } finally {
    await log.close()
  }
}

/** Gives a record up, as the runner does. */
async function bury(log: EventLog, key: string, { partition, offset }: Position, cause = 'internal'): Promise<void> {
  const headers = { ...death, origin_topic: 'pairs', origin_partition: String(partition), origin_offset: String(offset), cause } // prettier-ignore
  await log.append([{ topic: 'pairs.dead', key, partition, headers }])
}

async function publish(log: EventLog, record: NewRecord<'pairs'>): Promise<Position> {
  const [position] = await log.append([record])
  if (position === undefined) throw new Error('nothing was appended')
  return position
}

type Outcome = {
  partition: number
  offset: number
  key: string
  outcome: string
  to: { partition: number; offset: number } | null
}

describe('dead letters', () => {
  let folder: string
  let environment: Environment

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pairstream-'))
    environment = { DATA_DIR: folder }
    await withLog(folder, (log) =>
      log.append([{ topic: 'models.trained.dead', key: 'm-1', partition: 0, headers: death }]),
    )
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('are listed with their cause and where they came from', async () => {
    const { status, stdout } = await runHere(['dead-letters'], environment)
    expect(stdout).toMatch(
      /models\.trained\.dead 0 0 +models\.trained 0 7 +blob-missing +The blob .* does not exist +1 .* no$/m,
    )
    expect(status).toBe(0)
  })

  it('are listed and shown from the log alone, also beside a process that is still folding it', async () => {
    const lock = lockFolder(join(folder, 'lock.db'))
    onTestFinished(() => lock.release())
    const listed = await runHere(['dead-letters', '--json'], environment)
    expect(JSON.parse(listed.stdout)).toHaveLength(1)
    expect((await runHere(['dead-letters', 'show', 'models.trained', '0', '0'], environment)).status).toBe(0)
    await expect(access(join(folder, 'catalogue.db'))).rejects.toThrow('ENOENT')
  })

  it.each(['models.trained', 'models.trained.dead'])('are shown by topic (%s), partition and offset', async (topic) => {
    const { stdout } = await runHere(['dead-letters', 'show', topic, '0', '0', '--json'], environment)
    const origin = { topic: 'models.trained', partition: 0, offset: 7 }
    expect(JSON.parse(stdout)).toMatchObject({
      key: 'm-1',
      cause: 'blob-missing',
      origin,
      headers: death,
      original: null,
    })
  })

  it.each([
    [['show', 'pairs', '0', '0'], /no dead record pairs\.dead 0 0/],
    [['show', 'pears', '0', '0'], /no topic pears/],
    [['replay', 'pairs', '--partition', '0', '--offset', '0'], /no dead record pairs\.dead 0 0/],
    [['replay', 'pairs', '--partition', '0'], /--partition and --offset/],
    [['replay', 'pairs', '--all', '--offset', '0'], /--partition and --offset/],
    [['replay', 'pears', '--all'], /no topic pears/],
  ])('that do not exist are said not to, and half a name is refused (%j)', async (words, reason) => {
    const { status, stderr } = await runHere(['dead-letters', ...words], environment)
    expect(stderr).toMatch(reason)
    expect(status).toBe(2)
  })

  it('whose original is gone are said to be compacted', async () => {
    const { status, stdout } = await runHere(['dead-letters', 'replay', 'models.trained', '--all'], environment)
    expect(stdout).toMatch(/models\.trained\.dead 0 0 +m-1 +compacted +the log no longer holds it/)
    expect(status).toBe(4)
  })
})

describe('replaying dead letters', () => {
  const replay = async (environment: Environment, ...words: string[]) => {
    const ended = await runHere(['dead-letters', 'replay', 'pairs', '--json', ...words], environment)
    return { ...ended, outcomes: JSON.parse(ended.stdout) as Outcome[] }
  }

  it('appends the original again, with its value and headers and a mark, once', async () => {
    const folder = await temporaryFolder()
    const record = { ...pairRecord('one', 'a'), headers: { traceparent: 'kept' } }
    const origin = await withLog(folder, async (log) => {
      const position = await publish(log, record)
      await bury(log, record.key, position)
      await bury(log, record.key, position, 'blob-missing') // by another group
      return position
    })
    const environment = { DATA_DIR: folder }
    const first = await replay(environment, '--all', '--by', 'ada')
    const to = { topic: 'pairs', partition: origin.partition, offset: 1 }
    expect(first.outcomes.map(({ outcome, to }) => [outcome, to])).toEqual([['replayed', to], ['replayed', to]]) // prettier-ignore
    expect(first.status).toBe(0)
    expect((await replay(environment, '--all')).outcomes).toEqual([])
    const again = await replay(environment, '--partition', String(origin.partition), '--offset', '0')
    expect(again.outcomes).toMatchObject([{ outcome: 'replayed-before', to: null }])
    await withLog(folder, async (log) => {
      expect((await log.endOffsets('pairs')).get(origin.partition)).toBe(2)
      const replayed = await log.read('pairs', origin.partition, 1)
      expect(replayed).toMatchObject({ key: record.key, value: record.value })
      expect(replayed?.headers).toMatchObject({ traceparent: 'kept', replayed_from: `pairs/${origin.partition}/0` })
    })
    const listed = await runHere(['dead-letters', 'list', '--json'], environment)
    const letters = JSON.parse(listed.stdout) as unknown[]
    expect(letters).toHaveLength(2)
    expect(letters[0]).toMatchObject({ replay: { offset: 1, by: 'ada', diedAgain: null } })
    const { stdout } = await runHere(['status', '--json'], environment)
    expect(JSON.parse(stdout)).toMatchObject({ deadRecords: 0 })
  })

  it('says of a record that died again that it did, and replays that one', async () => {
    const folder = await temporaryFolder()
    const environment = { DATA_DIR: folder }
    const record = { ...pairRecord('one', 'a'), key: 'nonsense', partition: 3 }
    await withLog(folder, async (log) => bury(log, record.key, await publish(log, record), 'wrong-id'))
    const [first] = (await replay(environment, '--all')).outcomes
    expect(first).toMatchObject({ outcome: 'replayed', to: { partition: 3, offset: 1 } })
    await withLog(folder, (log) =>
      bury(log, record.key, { topic: 'pairs', partition: 3, offset: first?.to?.offset ?? -1 }, 'wrong-id'),
    )
    const { stdout } = await runHere(['dead-letters'], environment)
    expect(stdout).toMatch(/pairs\.dead 3 0 .*as pairs 3 1, and died again: wrong-id \(pairs\.dead 3 2\)/)
    const second = await replay(environment, '--all')
    expect(second.outcomes).toMatchObject([{ partition: 3, offset: 2, outcome: 'replayed', to: { offset: 2 } }])
  })

  it('brings nothing back: not what was erased, nor what a newer record replaced, nor an erasure that was lifted', async () => {
    const folder = await temporaryFolder()
    const { imageId, pairId } = pairEvent('erased', 'a')
    const lifted = pairEvent('lifted', 'a')
    await withLog(folder, async (log) => {
      const erasure = (of: { imageId: string; pairId: string }, state: string, at: number) =>
        ({
          topic: 'erasures',
          key: of.pairId,
          value: { pairId: of.pairId, imageId: of.imageId, state, requestedBy: 'ada', at, logCleanBy: null },
        }) as const
      await bury(log, 'erased', await publish(log, pairRecord('erased', 'a')))
      await log.append([erasure({ imageId, pairId }, 'requested', 1), tombstone('erased', 'a')])
      await bury(log, 'replaced', await publish(log, pairRecord('replaced', 'a')))
      await publish(log, pairRecord('replaced', 'a'))
      await publish(log, pairRecord('lifted', 'a'))
      await bury(log, 'lifted', await publish(log, tombstone('lifted', 'a')))
      // Within the millisecond of the tombstone the erasure would win.
      await new Promise((resolve) => setTimeout(resolve, 5))
      await log.append([erasure(lifted, 'restored', 2)])
      await publish(log, pairRecord('lifted', 'a'))
    })
    const { outcomes, status } = await replay({ DATA_DIR: folder }, '--all')
    expect(new Map(outcomes.map(({ key, outcome }) => [key, outcome]))).toEqual(
      new Map([['erased', 'pair-erased'], ['replaced', 'superseded'], ['lifted', 'superseded']]), // prettier-ignore
    )
    expect(status).toBe(4)
  })

  it('repeats an erasure that holds', async () => {
    const folder = await temporaryFolder()
    await withLog(folder, async (log) => {
      await publish(log, pairRecord('erased', 'a'))
      await bury(log, 'erased', await publish(log, tombstone('erased', 'a')))
    })
    const { outcomes } = await replay({ DATA_DIR: folder }, '--all')
    expect(outcomes).toMatchObject([{ outcome: 'replayed', to: { offset: 2 } }])
  })

  it('refuses what can only be decided, not said again', async () => {
    const folder = await temporaryFolder()
    await withLog(folder, (log) =>
      log.append([{ topic: 'releases.dead', key: 'x', partition: 0, headers: { ...death, origin_topic: 'releases' } }]),
    )
    const { status, stderr } = await runHere(['dead-letters', 'replay', 'releases', '--all'], { DATA_DIR: folder })
    expect(stderr).toMatch(/decided in releases/)
    expect(status).toBe(2)
  })
})
