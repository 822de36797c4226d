import { join } from 'node:path'
import { openPlatform, type Platform } from '../../../src/bootstrap.ts'
import { loadConfig } from '../../../src/config.ts'
import type { PointKind } from '../../../src/ports/vector-index.ts'
import type { Topic } from '../../../src/core/events.ts'
import type { LogRecord } from '../../../src/ports/event-log.ts'
import { ask, postJson } from './ask.ts'
import type { Environment } from '../role-processes.ts'

/** The installation as somebody sees it who has none of its data: its servers, and a catalogue that is folded from the log alone. */
export const openOutside = (environment: Environment, folder: string): Promise<Platform> =>
  openPlatform(loadConfig({ ...environment, DATA_DIR: join(folder, 'outside'), LOG_LEVEL: 'silent' }), 'own')

export async function idsIn({ index }: Platform, generation: string, kind: PointKind): Promise<string[]> {
  const ids: string[] = []
  for await (const id of index.ids(generation, kind)) ids.push(id)
  return ids
}

/** The images whose points show other captions than their live ones. */
export async function otherCaptions({ catalogue, index }: Platform, generation: string): Promise<string[]> {
  const images = catalogue.images([...catalogue.liveImageIds()])
  const points = await index.points(generation, 'images', [...images.keys()])
  const shown = new Map(points.map(({ id, payload }) => [id, JSON.stringify(payload.captions)]))
  return [...images.values()]
    .filter(({ imageId, captions }) => shown.get(imageId) !== JSON.stringify(captions.map(({ caption }) => caption)))
    .map(({ imageId }) => imageId)
}

/** What a search for everything gives: the structure that is searched is another than what `ids` walks. */
export async function searchedIn(
  { index }: Platform,
  generation: string,
  kind: PointKind,
  most: number,
): Promise<string[]> {
  const dimension = (await index.generations()).find((each) => each.generation === generation)?.dimension ?? 0
  const vector = Float32Array.from({ length: dimension }, (_, at) => (at === 0 ? 1 : 0))
  // Room for points that are there twice.
  const hits = await index.search(generation, kind, { vector, limit: 2 * most + 10, exact: true })
  return hits.map(({ id }) => id)
}

type ListedPair = { readonly pairId: string; readonly status: string }

/** Every live pair as the API lists it. */
export async function listedPairs(address: string): Promise<ListedPair[]> {
  const listed: ListedPair[] = []
  for (let cursor = ''; ;) {
    const answer = await ask(`${address}/v1/pairs?limit=500&cursor=${cursor}`)
    if (answer?.status !== 200) throw new Error(`The list of pairs was answered by ${answer?.status ?? 'nothing'}.`)
    const { pairs, next } = answer.body as { pairs: ListedPair[]; next: string | null }
    listed.push(...pairs)
    if (next === null) return listed
    cursor = next
  }
}

export type Hit = {
  readonly imageId: string
  readonly pairId: string | null
  readonly score: number
  readonly captions: readonly { readonly pairId: string }[]
}

export const MOST_HITS = 100

/** What a search among captions answers to one; where more captions score alike than a page holds, any of them may be on it. */
export async function hitsOfCaption(address: string, caption: string): Promise<readonly Hit[]> {
  const answer = await ask(`${address}/v1/search?q=${encodeURIComponent(caption)}&target=captions&limit=${MOST_HITS}`)
  return (answer?.body['hits'] ?? []) as readonly Hit[]
}

/** What a search among pictures answers to one, in base64. */
export async function hitsOfPicture(address: string, image: string): Promise<readonly Hit[]> {
  const answer = await postJson(`${address}/v1/search`, { image, target: 'images', limit: MOST_HITS })
  return (answer?.body['hits'] ?? []) as readonly Hit[]
}

/** All records of a topic, as they are in the log. */
export async function recordsOf<T extends Topic>({ log }: Platform, topic: T): Promise<LogRecord<T>[]> {
  const ends = await log.endOffsets(topic)
  const wanted = [...ends.values()].reduce((sum, end) => sum + end, 0)
  const records: LogRecord<T>[] = []
  if (wanted === 0) return records
  await new Promise<void>((resolve) => {
    const reached = new Map<number, number>()
    const consumer = log.tail(() => new Map(), {
      topics: [topic],
      async handle(batch: readonly LogRecord<T>[]) {
        records.push(...batch)
        for (const { partition, offset } of batch) reached.set(partition, offset + 1)
        if ([...ends].every(([partition, end]) => (reached.get(partition) ?? 0) >= end)) {
          resolve()
          void consumer.stop()
        }
      },
    })
  })
  return records
}
