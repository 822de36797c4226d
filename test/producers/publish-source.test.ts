import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { AppError } from '../../src/core/errors.ts'
import { openSource } from '../../src/producers/detect.ts'
import { publishSource, type PublishProgress } from '../../src/producers/publish-source.ts'
import type { Source } from '../../src/producers/source.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { createBench, type Bench } from './publishing.ts'
import { pictureOf } from './reading.ts'

const PICTURES = 20
const CAPTIONS = 3

/** A folder of pictures of different colours, each with captions in the order of their numbers. */
async function folderOfPictures(): Promise<string> {
  const folder = await temporaryFolder()
  for (let index = 0; index < PICTURES; index++) {
    await writeFile(join(folder, `${index}.jpg`), await pictureOf(`rgb(${index * 12}, 40, 80)`))
    const captions = Array.from({ length: CAPTIONS }, (_, caption) => `picture ${index} caption ${caption}`)
    await writeFile(join(folder, `${index}.txt`), captions.join('\n'))
  }
  return folder
}

async function captionsByImage({ pairs }: Bench): Promise<string[][]> {
  const byImage = new Map<string, string[]>()
  for (const { imageId, caption } of await pairs())
    byImage.set(imageId, [...(byImage.get(imageId) ?? []), caption ?? ''])
  return [...byImage.values()]
}

const total = PICTURES * CAPTIONS

describe('publishSource', () => {
  it('publishes all, keeps the order of a picture’s captions, and finds nothing new the second time', async () => {
    const bench = await createBench()
    const source = await openSource(await folderOfPictures())
    const seen: PublishProgress[] = []
    const report = await publishSource(source, await bench.publisher(), {
      onProgress: (progress) => seen.push(progress),
    })
    expect(report).toMatchObject({ accepted: total, duplicate: 0, rejected: 0, rejections: [], interrupted: false })
    expect(seen.at(-1)).toEqual({ accepted: total, duplicate: 0, rejected: 0, total: null })
    const captions = await captionsByImage(bench)
    expect(captions).toHaveLength(PICTURES)
    for (const list of captions) expect(list).toEqual([...list].sort())

    const again = await publishSource(source, await bench.publisher())
    expect(again).toMatchObject({ accepted: 0, duplicate: total, rejected: 0 })
    expect(await bench.pairs()).toHaveLength(total)
  })

  it('can be stopped at any moment and run again without duplicates', async () => {
    const bench = await createBench()
    const folder = await folderOfPictures()
    let accepted = 0
    for (let run = 0, interrupted = true; interrupted; run++) {
      const stop = new AbortController()
      const before = accepted
      const report = await publishSource(await openSource(folder), await bench.publisher({ concurrency: 2 }), {
        signal: stop.signal,
        onProgress: (progress) => {
          if (progress.accepted >= 7) stop.abort()
        },
      })
      accepted += report.accepted
      interrupted = report.interrupted
      expect(report.duplicate).toBe(interrupted ? before : Math.min(before, total))
      expect(run).toBeLessThan(total)
    }
    expect(accepted).toBe(total)
    expect(await bench.pairs()).toHaveLength(total)
  })

  it('stops when the log gives no answer, and the next run publishes the rest', async () => {
    const bench = await createBench()
    const source = await openSource(await folderOfPictures())
    let appends = 0
    const log = {
      ...bench.log,
      append: async (records: Parameters<typeof bench.log.append>[0]) => {
        appends += 1
        if (appends === 5) throw new AppError('publish-unconfirmed', 'no answer')
        const positions = await bench.log.append(records)
        // The record arrived, its acknowledgement did not.
        if (appends === 6) throw new AppError('publish-unconfirmed', 'no answer')
        return positions
      },
    }
    await expect(publishSource(source, await bench.publisher({ log, concurrency: 3 }))).rejects.toMatchObject({
      code: 'publish-unconfirmed',
    })
    expect(appends).toBeLessThan(10)
    const stored = (await bench.pairs()).length
    const report = await publishSource(source, await bench.publisher())
    expect(report).toMatchObject({ accepted: total - stored, duplicate: stored, rejected: 0 })
    expect(await bench.pairs()).toHaveLength(total)
  })

  it('reports what was rejected by code, with examples', async () => {
    const bench = await createBench()
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'good.jpg'), await pictureOf('red'))
    await writeFile(join(folder, 'text.jpg'), 'a text in disguise')
    const lines = [
      '{"image":"good.jpg","caption":"fine"}',
      '{"image":"good.jpg","caption":" fine "}',
      '{"image":"text.jpg","captions":["one","two"]}',
      '{"image":"good.jpg","caption":""}',
      ...Array.from({ length: 7 }, () => 'not JSON'),
    ]
    await writeFile(join(folder, 'pairs.jsonl'), lines.join('\n'))
    const report = await publishSource(await openSource(folder), await bench.publisher())
    expect(report).toMatchObject({ accepted: 1, duplicate: 1, rejected: 10 })
    expect(report.rejections.map(({ code, count }) => [code, count])).toEqual([
      ['source-entry-invalid', 7],
      ['image-type-refused', 2],
      ['caption-empty', 1],
    ])
    expect(report.rejections[0]?.examples.map(({ source }) => source)).toEqual(
      [5, 6, 7, 8, 9].map((n) => `pairs.jsonl:${n}`),
    )
    expect(report.rejections[1]?.examples[0]).toMatchObject({ source: 'pairs.jsonl:3' })
    expect(report.rejections[2]?.examples[0]).toMatchObject({ source: 'pairs.jsonl:4' })
  })

  it('pauses between batches with nothing in hand', async () => {
    const bench = await createBench()
    const source = await openSource(await folderOfPictures())
    const storedAtPause: number[] = []
    const pause = async (): Promise<void> => void storedAtPause.push((await bench.pairs()).length)
    await publishSource(source, await bench.publisher(), { batch: 4 * CAPTIONS, pause })
    expect(storedAtPause).toEqual([1, 2, 3, 4, 5].map((batch) => batch * 4 * CAPTIONS))
  })

  it('reads no further ahead than it publishes', async () => {
    const bench = await createBench()
    const red = await pictureOf('red')
    let read = 0
    let published = 0
    const endless: Source = {
      format: 'folder',
      describe: 'endless',
      total: null,
      async *entries() {
        for (;;) {
          read += 1
          expect(read - published).toBeLessThan(10)
          const shared = { imageName: 'a.jpg', split: null, subject: null, metadata: {}, source: 'a.jpg' }
          yield { image: () => Promise.resolve(red), caption: `caption ${read}`, ...shared }
        }
      },
    }
    const stop = new AbortController()
    const report = await publishSource(endless, await bench.publisher({ concurrency: 4 }), {
      signal: stop.signal,
      onProgress: ({ accepted }) => {
        published = accepted
        if (accepted >= 50) stop.abort()
      },
    })
    expect(report.interrupted).toBe(true)
    expect(report.accepted).toBeLessThan(60)
  })
})
