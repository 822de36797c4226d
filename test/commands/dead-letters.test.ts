import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSqliteLog } from '../../src/adapters/event-log/sqlite.ts'
import type { Environment } from './run-cli.ts'
import { runHere } from './run-here.ts'

const death = {
  origin_topic: 'models.trained',
  origin_partition: '0',
  origin_offset: '7',
  cause: 'blob-missing',
  group: 'release',
  attempts: '1',
}

describe('dead letters', () => {
  let folder: string
  let environment: Environment

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pairstream-'))
    environment = { DATA_DIR: folder }
    const log = createSqliteLog({ path: join(folder, 'log.db'), partitions: 12 })
    await log.append([{ topic: 'models.trained.dead', key: 'm-1', partition: 0, headers: death }])
    await log.close()
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('are listed with their cause and where they came from', async () => {
    const { status, stdout } = await runHere(['dead-letters'], environment)
    expect(stdout).toMatch(
      /models\.trained\.dead 0 0 +models\.trained 0 7 +blob-missing +The blob .* does not exist +1 /,
    )
    expect(status).toBe(0)
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
    [['pairs', '0', '0'], /no dead record pairs\.dead 0 0/],
    [['pears', '0', '0'], /no topic pears/],
  ])('that do not exist are said not to (%j)', async (coordinates, reason) => {
    const { status, stderr } = await runHere(['dead-letters', 'show', ...coordinates], environment)
    expect(stderr).toMatch(reason)
    expect(status).toBe(2)
  })
})
