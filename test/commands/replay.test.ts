import { describe, expect, it } from 'vitest'
import { createEmbedHandler } from '../../src/consumers/embed.ts'
import { embedGroup } from '../../src/core/consumer-groups.ts'
import type { PairPublished } from '../../src/core/events.ts'
import { pairKey } from '../../src/core/ids.ts'
import type { PointKind } from '../../src/ports/vector-index.ts'
import { erasePair } from '../../src/roles/commands.ts'
import { replayGeneration } from '../../src/roles/replay-generation.ts'
import { PARTITIONS, platform, type Platform } from '../consumers/consumer-harness.ts'
import { createWordEncoder, DIMENSION } from '../consumers/word-encoder.ts'
import { pairEvent } from '../fixtures/pair-events.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { removalsOf } from '../fixtures/points.ts'
import { createSqliteLog } from '../../src/adapters/event-log/sqlite.ts'
import { join } from 'node:path'
import { runHere } from './run-here.ts'

const GENERATION = 'g1'
const GROUP = embedGroup(GENERATION)

const pictures = (count: number) => Array.from({ length: count }, (_, index) => pairEvent(`picture ${index}`, 'a'))

async function idsIn(made: Platform, kind: PointKind): Promise<string[]> {
  const ids: string[] = []
  for await (const id of made.index.ids(GENERATION, kind)) ids.push(id)
  return ids.sort()
}

/** A platform with a generation that serves, its embedder, and pairs that it has embedded. */
async function serving(events: readonly PairPublished[]) {
  const made = await platform()
  for (const [follows, state] of [
    [null, 'building'],
    ['building', 'promoted'],
  ] as const) {
    const head = follows === null ? null : (made.catalogue.releases().at(-1)?.releaseId ?? null)
    await made.releases.append({ follows: head, state, modelVersion: 'm-1', generation: GENERATION, reason: '', evidence: null }) // prettier-ignore
  }
  await made.index.create(GENERATION, DIMENSION)
  const { catalogue, index, blobs, clock } = made
  const startEmbedder = () =>
    made.start(
      createEmbedHandler({
        generation: GENERATION, encoder: createWordEncoder('m-1'), catalogue, index, blobs, partitions: PARTITIONS, clock, batch: 4,
      }), // prettier-ignore
    )
  const embedder = startEmbedder()
  await made.log.append(events.map((value) => ({ topic: 'pairs', key: pairKey(value.imageId, value.pairId), value })))
  await made.passed(GROUP)
  return { made, embedder, startEmbedder }
}

describe('replaying a generation', () => {
  it('puts back what the index has lost, and nothing that was erased', async () => {
    const events = pictures(12)
    const { made, embedder, startEmbedder } = await serving(events)
    const [erased, lost] = events
    await erasePair(made, erased?.pairId ?? '', 'ada')
    await made.passed(GROUP)
    const whole = { images: await idsIn(made, 'images'), captions: await idsIn(made, 'captions') }
    expect(whole.captions).toHaveLength(11)
    await embedder.stop()
    await made.index.remove(GENERATION, 'images', removalsOf([lost?.imageId ?? '']))
    await made.index.remove(GENERATION, 'captions', removalsOf(whole.captions.slice(3)))

    const replayed = await replayGeneration(made, { from: 0 })
    expect(replayed).toMatchObject({ generation: GENERATION, group: GROUP })
    expect(replayed.partitions.every(({ now }) => now === 0)).toBe(true)
    startEmbedder()
    await made.passed(GROUP)
    expect({ images: await idsIn(made, 'images'), captions: await idsIn(made, 'captions') }).toEqual(whole)
  })

  it('is followed by an embedder that runs, and repeating it is safe', async () => {
    const events = pictures(8)
    const { made } = await serving(events)
    const whole = await idsIn(made, 'captions')
    await made.index.remove(GENERATION, 'captions', removalsOf(whole.slice(2)))
    for (let time = 0; time < 3; time++) await replayGeneration(made, { from: 0 })
    await made.until(async () => (await idsIn(made, 'captions')).length === whole.length)
    await made.passed(GROUP)
    expect(await idsIn(made, 'captions')).toEqual(whole)
  })

  it('goes back only, in all partitions or in the one that is named', async () => {
    const { made, embedder } = await serving(pictures(12))
    await embedder.stop()
    const before = await made.log.committedOffsets(GROUP, 'pairs')
    const [partition, read] = [...before].sort(([, a], [, b]) => b - a)[0] ?? [-1, 0]
    expect(read).toBeGreaterThan(1)
    await replayGeneration(made, { from: 1_000 })
    expect(await made.log.committedOffsets(GROUP, 'pairs')).toEqual(before)
    const { partitions } = await replayGeneration(made, { from: 1, partition, generation: GENERATION })
    expect(partitions).toEqual([{ partition, was: read, now: 1, ahead: read - 1 }])
    expect(await made.log.committedOffsets(GROUP, 'pairs')).toEqual(new Map([...before, [partition, 1]]))
  })

  it('goes back to what was published since a time', async () => {
    const { made, embedder } = await serving(pictures(12))
    await embedder.stop()
    const [partition, read] = [...(await made.log.committedOffsets(GROUP, 'pairs'))].sort(
      ([, a], [, b]) => b - a,
    )[0] ?? [-1, 0]
    const { timestamp = Number.NaN } = (await made.log.read('pairs', partition, 0)) ?? {}
    const later = await replayGeneration(made, { from: new Date(timestamp + 3_600_000), partition })
    expect(later.partitions).toEqual([{ partition, was: read, now: read, ahead: 0 }])
    const { partitions } = await replayGeneration(made, { from: new Date(timestamp), partition })
    expect(partitions).toEqual([{ partition, was: read, now: 0, ahead: read }])
  })

  it('refuses a generation and a partition that are not there', async () => {
    const { made } = await serving([])
    await expect(replayGeneration(made, { from: 0, generation: 'g9' })).rejects.toMatchObject({
      code: 'invalid-request',
      message: expect.stringContaining('there is g1') as string,
    })
    await expect(replayGeneration(made, { from: 0, partition: PARTITIONS })).rejects.toThrow('no partition 3')
  })
})

describe('replay on the command line', () => {
  it('wants an offset', async () => {
    const { status, stderr } = await runHere(['replay'], {})
    expect(stderr).toContain("required option '--from <offset>' not specified")
    expect(status).toBe(2)
  })

  it('needs data, and a generation that serves', async () => {
    const folder = await temporaryFolder()
    const nothing = await runHere(['replay', '--from', '0'], { DATA_DIR: folder })
    expect(nothing.stderr).toMatch(/Nothing was published .*\[not-ready\]/)
    await createSqliteLog({ path: join(folder, 'log.db'), partitions: 12 }).close()
    const none = await runHere(['replay', '--from', '0'], { DATA_DIR: folder })
    expect(none.stderr).toMatch(/No generation serves yet.*\[no-model\]/)
    expect([nothing.status, none.status]).toEqual([3, 3])
  })
})
