import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createSqliteLog } from '../../src/adapters/event-log/sqlite.ts'
import { publication } from '../catalogue/catalogue-harness.ts'
import { pairEvent } from '../fixtures/pair-events.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { runCli, startCli } from './run-cli.ts'

it('says so when the process that holds the data folder does not go on, instead of waiting for ever', async () => {
  const folder = await temporaryFolder()
  const environment = { DATA_DIR: folder, PORT: '0' }
  const serving = startCli(['serve', '--roles', 'count', '--json'], environment)
  onTestFinished(async () => {
    serving.kill('SIGKILL')
    await serving.ended
  })
  await serving.nextLine()
  serving.kill('SIGSTOP')
  const log = createSqliteLog({ path: join(folder, 'log.db'), partitions: 12 })
  await log.append([publication(pairEvent('one', 'a dog'))])
  await log.close()

  const { status, stderr } = await runCli(['status'], environment)
  expect([status, stderr]).toEqual([3, expect.stringContaining('does not go on') as string])
})
