import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { createSqliteLog } from '../../src/adapters/event-log/sqlite.ts'
import { withServices } from '../../src/commands/with-services.ts'
import type { Topic } from '../../src/core/events.ts'
import type { NewRecord } from '../../src/ports/event-log.ts'
import { spoil } from '../consumers/poison.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { topicValues } from '../fixtures/topic-values.ts'

it('counts records that it folds past as nobody can decode them, once', async () => {
  const folder = await temporaryFolder()
  const poisoned: readonly Topic[] = ['pairs', 'pairs.indexed', 'releases', 'erasures', 'rerankers']
  const log = createSqliteLog({ path: join(folder, 'log.db'), partitions: 3 })
  for (const topic of poisoned) {
    await log.append([{ topic, key: 'poison', value: topicValues[topic], partition: 0 } as NewRecord])
  }
  await log.close()
  for (const topic of poisoned) spoil({ folder }, topic, 'poison')

  const context = {
    environment: { DATA_DIR: folder, PARTITIONS: '3', LOG_LEVEL: 'silent' },
    signal: new AbortController().signal,
    stdout: process.stdout,
    stderr: process.stderr,
  }
  const expectEach = (count: number) =>
    withServices(context, { access: 'own' }, async ({ log, catalogue, metrics }) => {
      await catalogue.caughtUp(log)
      // What is only informative is folded in its own time.
      await vi.waitFor(async () =>
        expect((await metrics.text()).match(/^pairstream_records_refused_total\{.*/gm)).toEqual(
          ['pairs.indexed', 'releases', 'erasures', 'rerankers'].map(
            (topic) => `pairstream_records_refused_total{topic="${topic}",cause="record-unreadable"} ${count}`,
          ),
        ),
      )
    })
  await expectEach(1)
  await expectEach(0)
})
