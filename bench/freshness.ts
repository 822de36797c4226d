/**
 * Time from publishing a pair over HTTP until a search finds it, beside the sum of the work that it takes:
 *
 *     node --import tsx bench/freshness.ts [--quick] [--data DIR] [--dataset DIR] [--backbone DIR] [--json] [--update]
 *
 * The roles `api`, `embed`, `count` and `erase` run in a process of their own over a copy of a data folder with a model. Pairs are
 * published at a modest rate; each is a picture that the folder does not have (a mirrored one), so nothing is found in a cache. About
 * one minute beside the preparation.
 */
import { join } from 'node:path'
import sharp from 'sharp'
import { setTimeout as delay } from 'node:timers/promises'
import { withFolder } from './support/bench-services.ts'
import { openParts, type Parts } from './support/freshness-parts.ts'
import { createHttpCaller } from './support/http-caller.ts'
import { progress } from './support/machine.ts'
import { readOptions } from './support/options.ts'
import { benchSource, readPictures } from './support/pictures.ts'
import { prepareData } from './support/prepared-data.ts'
import { present } from './support/report.ts'
import { startServing } from './support/serving-client.ts'
import { latencyOf, ratioByRound } from './support/statistics.ts'

const options = readOptions()
const { quick, threads } = options
const PICTURES = quick ? 60 : 2_000
const PUBLISHED = quick ? 4 : 80
/** Milliseconds from the begin of one publish to that of the next. */
const INTERVAL = quick ? 200 : 500
/** Milliseconds between an answer that does not have the pair and the next search. */
const POLL = 5
const LONGEST_WAIT = 30_000
const LONGEST_MEDIAN = 1_000

type Published = {
  readonly acknowledged: number
  readonly searchable: number
  readonly sinceAcknowledged: number
  readonly indexed: number
}

await withFolder(async (folder) => {
  const { title, folder: data, backbone } = await prepareData(options, PICTURES, join(folder, 'data'))
  const { source } = await benchSource(options, PICTURES)
  const pictures = await readPictures(source, 0, PUBLISHED)
  const settings = { THREADS: threads, ...(backbone === undefined ? {} : { BACKBONE_DIR: backbone }) }
  const order = { folder: data, roles: ['api', 'embed', 'count', 'erase'], settings, queries: 1 } as const
  const serving = await startServing({ ...order, settings: { ...settings, RETRAIN_THRESHOLD: 10 } })
  const parts = await openParts(serving.ready.model, threads, join(folder, 'parts'))
  const { images, pairs, address } = serving.ready
  const http = createHttpCaller(address, 2)
  progress(`${images} pictures and ${pairs} pairs are served at ${address}`)

  /** Searches captions by the pair's own until it is found; its picture was made searchable before it. */
  const untilFound = async (pairId: string, caption: string): Promise<void> => {
    const path = `/v1/search?target=captions&limit=100&q=${encodeURIComponent(caption)}`
    const deadline = performance.now() + LONGEST_WAIT
    while (!(await http.get(path)).includes(pairId)) {
      if (performance.now() > deadline)
        throw new Error(`The pair ${pairId} was not found within ${LONGEST_WAIT / 1_000} s.`)
      await delay(POLL)
    }
  }

  const publish = async (bytes: Uint8Array, caption: string): Promise<Published> => {
    const start = performance.now()
    const image = Buffer.from(bytes).toString('base64')
    const { pairId } = JSON.parse(await http.post('/v1/pairs', { image, caption })) as { pairId: string }
    const acknowledged = performance.now()
    await untilFound(pairId, caption)
    const found = performance.now()
    const status = await indexedStatus(pairId)
    return {
      acknowledged: acknowledged - start,
      searchable: found - start,
      sinceAcknowledged: found - acknowledged,
      indexed: Date.parse(status.indexedAt ?? '') - Date.parse(status.publishedAt),
    }
  }

  /** The pair's own times; the word that it is indexed comes a moment after it can be found. */
  const indexedStatus = async (pairId: string): Promise<{ publishedAt: string; indexedAt: string | null }> => {
    for (;;) {
      const status = JSON.parse(await http.get(`/v1/pairs/${pairId}`)) as {
        publishedAt: string
        indexedAt: string | null
      }
      if (status.indexedAt !== null) return status
      await delay(POLL)
    }
  }

  try {
    const published: Published[] = []
    const alone: Parts[] = []
    for (const [number, { bytes, captions }] of pictures.entries()) {
      const begun = performance.now()
      const mirrored = await sharp(bytes).flop().jpeg({ quality: 92 }).toBuffer()
      const caption = captions[0] ?? 'a picture'
      // The parts and the whole take turns at being first, so that neither always meets what the other has warmed.
      if (number % 2 === 0) alone.push(await parts.measure(mirrored, caption))
      published.push(await publish(mirrored, caption))
      if (number % 2 === 1) alone.push(await parts.measure(mirrored, caption))
      if ((number + 1) % 10 === 0) progress(`${number + 1} of ${pictures.length} pairs are published and found`)
      await delay(Math.max(0, begun + INTERVAL - performance.now()))
    }

    const sums = alone.map(({ picture, caption, index }) => picture + caption + index)
    const searchable = published.map((pair) => pair.searchable)
    const row = (name: string, milliseconds: readonly number[]) => {
      const { median, p99 } = latencyOf(milliseconds)
      return [name, median, p99, ratioByRound(milliseconds, sums).median.toFixed(2)]
    }
    await present(
      {
        name: 'freshness',
        setting: [
          `Served: ${title}: ${images.toLocaleString('en-GB')} pictures, ${pairs.toLocaleString('en-GB')} pairs; ${published.length} pairs published one by one, a new one every ${INTERVAL} ms at most, ${threads} threads.`,
          `Found means that a search over HTTP gave the pair; it was repeated ${POLL} ms after each answer without it.`,
        ],
        tables: [
          {
            columns: ['', 'median ms', 'p99 ms', 'beside the parts'],
            rows: [
              row(
                'picture decoded and embedded',
                alone.map(({ picture }) => picture),
              ),
              row(
                'caption embedded',
                alone.map(({ caption }) => caption),
              ),
              row(
                'two points made durable in the index',
                alone.map(({ index }) => index),
              ),
              row('sum of these parts, called directly (peer)', sums),
              row(
                'publish to acknowledgement (202)',
                published.map(({ acknowledged }) => acknowledged),
              ),
              row(
                'acknowledgement to found',
                published.map(({ sinceAcknowledged }) => sinceAcknowledged),
              ),
              row(
                'publish to indexed, by the records of the log',
                published.map(({ indexed }) => indexed),
              ),
              row('publish to found', searchable),
            ],
          },
        ],
        targets: [
          {
            what: `median from publish to found under ${LONGEST_MEDIAN / 1_000} s`,
            met: latencyOf(searchable).median < LONGEST_MEDIAN,
          },
        ],
      },
      options,
    )
  } finally {
    http.close()
    await parts.close()
    await serving.stop()
  }
})
