import { EventEmitter, once } from 'node:events'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { AppError } from '../../src/core/errors.ts'
import type { PublishReport } from '../../src/producers/publish-report.ts'
import { watchFolder } from '../../src/producers/watch.ts'
import type { Publisher } from '../../src/producers/publisher.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { createBench } from './publishing.ts'
import { pictureOf } from './reading.ts'

/** Puts a whole file into place at once, as nobody who watches can see a part of it then. */
async function place(folder: string, name: string, content: string | Buffer): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true })
  await writeFile(join(folder, '.unfinished'), content)
  await rename(join(folder, '.unfinished'), join(folder, name))
}

/** Watches a folder; `next` resolves with each report in turn. */
async function watching(folder: string, publisher: Publisher) {
  const reports: PublishReport[] = []
  const errors: unknown[] = []
  const events = new EventEmitter()
  const watch = await watchFolder(folder, publisher, {
    stableFor: 100,
    retryAfter: 10,
    onReport: (report) => {
      reports.push(report)
      events.emit('report')
    },
    onError: (error) => errors.push(error),
  })
  onTestFinished(() => watch.stop())
  const next = async (): Promise<PublishReport | undefined> => {
    if (reports.length === 0) await once(events, 'report')
    return reports.shift()
  }
  return { watch, next, errors, reports }
}

describe('watchFolder', () => {
  it('publishes what is there, what comes and what changes', async () => {
    const bench = await createBench()
    const folder = await temporaryFolder()
    await place(folder, 'a.txt', 'red')
    await place(folder, 'a.jpg', await pictureOf('red'))
    const { next } = await watching(folder, await bench.publisher())
    expect(await next()).toMatchObject({ accepted: 1 })

    await place(folder, 'deep/b.txt', 'blue\nazure')
    await place(folder, 'deep/b.jpg', await pictureOf('blue'))
    expect(await next()).toMatchObject({ accepted: 2, rejected: 0 })

    await place(folder, 'a.txt', 'scarlet')
    expect(await next()).toMatchObject({ accepted: 1 })
    const captions = (await bench.pairs()).map(({ caption }) => caption)
    expect(captions.sort()).toEqual(['azure', 'blue', 'red', 'scarlet'])
  })

  it('tries again what met something unavailable', async () => {
    const bench = await createBench()
    const folder = await temporaryFolder()
    let refusals = 2
    const log = {
      ...bench.log,
      append: (records: Parameters<typeof bench.log.append>[0]) => {
        if (refusals === 0) return bench.log.append(records)
        refusals -= 1
        return Promise.reject(new AppError('log-unavailable', 'away'))
      },
    }
    const { next, errors } = await watching(folder, await bench.publisher({ log }))
    await place(folder, 'a.jpg', await pictureOf('red'))
    expect(await next()).toMatchObject({ accepted: 1 })
    expect(errors).toHaveLength(2)
  })

  it('ends with the picture in hand when it is stopped', async () => {
    const bench = await createBench()
    const folder = await temporaryFolder()
    const { watch, reports } = await watching(folder, await bench.publisher())
    await place(folder, 'a.jpg', await pictureOf('red'))
    await watch.stop()
    const stored = (await bench.pairs()).length
    expect(reports).toHaveLength(stored)
  })

  it('refuses what is no folder', async () => {
    const { publisher } = await createBench()
    const folder = await temporaryFolder()
    await expect(watching(join(folder, 'nothing'), await publisher())).rejects.toMatchObject({
      code: 'source-not-found',
    })
  })
})
