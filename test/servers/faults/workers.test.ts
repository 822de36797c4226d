import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { modelVersionOf } from '../../../src/core/ids.ts'
import { createRandom } from '../../../src/core/random.ts'
import { eventually } from '../role-processes.ts'
import { ask, postJson } from './ask.ts'
import { begin, fullCrew, type Scene } from './begin.ts'
import { expectNothingLost } from './expect-nothing-lost.ts'
import { startHoldingProxy, type HoldingProxy } from './holding-proxy.ts'
import { startLoad } from './load.ts'
import { otherCaptions, recordsOf } from './outside.ts'
import { caughtUp, releasesOf, served } from './settle.ts'

let scene: Scene
let proxy: HoldingProxy
const endings: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  proxy = await startHoldingProxy(inject('servers').index)
  endings.push(() => proxy.stop())
  // Long enough to be met while it goes on.
  const TRAINING_EPOCHS = '40'
  const crew = fullCrew.map((member) =>
    member.name === 'embed-a' ? { ...member, settings: { INDEX_URL: proxy.address } } : member,
  )
  const twins = (['train', 'release'] as const).map((role) => ({ name: `${role}-b`, roles: [role] }))
  scene = await begin({ crew: [...crew, ...twins], settings: { TRAINING_EPOCHS } })
  endings.push(() => scene.end())
}, 240_000)
afterAll(async () => {
  for (const end of endings.toReversed()) await end()
})

describe('roles of which there are two', { timeout: 180_000 }, () => {
  it('answers a request with one training, whose work another takes over, and promotes once', async () => {
    const outside = await scene.outside()
    const request = await postJson(`${scene.address}/v1/retraining`, {})
    expect(request?.status).toBe(202)
    const version = modelVersionOf(String(request?.body['requestId']))
    const trains = (name: string): boolean => existsSync(join(scene.crew.folder(name), 'training', version))
    const trainers = ['train', 'train-b']
    await eventually(
      async () => trainers.filter(trains).length,
      (count) => count > 0,
    )
    expect(trainers.filter(trains)).toHaveLength(1)
    const [worker = ''] = trainers.filter(trains)
    await scene.crew.kill(worker)
    await eventually(
      async () => outside.catalogue.model(version)?.outcome ?? null,
      (outcome) => outcome !== null,
      120_000,
    )
    await scene.crew.start(worker)
    await scene.crew.started()
    await caughtUp(scene.address)

    const trained = await recordsOf(outside, 'models.trained')
    expect(trained.filter(({ value }) => value?.modelVersion === version).map(({ value }) => value?.outcome)).toEqual([
      'trained',
    ])
    expect(trained.length).toBe(new Set(trained.map(({ value }) => value?.requestId)).size)
    expect(existsSync(join(scene.crew.folder(worker), 'training', version))).toBe(false)
  })

  it('promotes a generation once, also when the process that was at it is killed', async () => {
    const outside = await scene.outside()
    const before = await served(scene.address)
    const reindexing = await scene.installation.run('reindex', '--no-wait', '--json')
    expect(reindexing.status, reindexing.stderr).toBe(0)
    await scene.crew.kill('release')
    await eventually(
      () => served(scene.address),
      ({ generation }) => generation !== before.generation,
      60_000,
    )
    await scene.crew.start('release')
    await scene.crew.started()
    const { generation } = await served(scene.address)
    const records = (await recordsOf(outside, 'releases')).filter(
      ({ value }) => value?.generation === generation && value.state === 'promoted',
    )
    const valid = (await releasesOf(scene.address)).filter(
      (release) => release.generation === generation && release.state === 'promoted',
    )
    console.log(`promotions of ${generation}: ${records.length} in the log, ${valid.length} that count`)
    expect(valid).toHaveLength(1)
    expect(new Set(records.map(({ key }) => key)).size).toBe(1)
  })
})

describe('a worker that is stopped before it writes', { timeout: 180_000 }, () => {
  it('brings nothing back when it goes on after its partition has moved and the pair was erased', async () => {
    const outside = await scene.outside()
    const { generation } = await served(scene.address)
    const worker = scene.crew.process('embed-a')
    const isUpsert = (method: string, path: string) => method === 'PUT' && /captions.*\/points$/.test(path)
    const holding = proxy.hold(isUpsert)
    const publishing = startLoad({ ...scene, random: createRandom(7), workers: 1, mostPairs: 2_000 })
    const held = await holding
    worker.signal('SIGSTOP')
    await publishing.stop()
    const ids = (JSON.parse(held.body) as { points: { id: string }[] }).points.map(({ id }) => id)
    const victim = ids.find((id) => scene.ledger.pairs.get(id)?.state === 'live') ?? ''
    const caption = scene.ledger.pairs.get(victim)?.caption ?? ''
    // The other has to embed it first: its session must run out, and its partition be given away.
    await scene.client.erase([victim])
    await eventually(
      () => ask(`${scene.address}/v1/erasures/${victim}`),
      (answer) => answer?.body['state'] === 'done',
    )
    worker.signal('SIGCONT')
    expect(await held.release()).toBe(200)

    const search = async (): Promise<string[]> => {
      const answer = await ask(`${scene.address}/v1/search?q=${encodeURIComponent(caption)}&target=captions&limit=100`)
      return (answer?.body['hits'] as { pairId: string }[]).map(({ pairId }) => pairId)
    }
    const stored = () => outside.index.points(generation, 'captions', [victim])
    let searches = 0
    await eventually(
      async () => {
        expect(await search()).not.toContain(victim)
        searches++
        return stored()
      },
      (points) => points.length === 0 && searches > 3,
      30_000,
    )
    // Nor does the point of its image show its words for longer than until the next sweep.
    await eventually(
      () => otherCaptions(outside, generation),
      (images) => images.length === 0,
      30_000,
    )
    console.log(`held ${ids.length} points, erased one of them, ${searches} searches did not find it`)
    await expectNothingLost(scene, 'worker stopped')
  })
})

describe('a worker that is told to stop', { timeout: 180_000 }, () => {
  it('ends under load within ten seconds, with nothing in hand and nothing to be done twice', async () => {
    const outside = await scene.outside()
    await caughtUp(scene.address)
    const known = new Set(scene.ledger.pairs.keys())
    const working = startLoad({ ...scene, random: createRandom(8), workers: 2, mostPairs: 2_000 })
    for (const name of ['embed-a', 'count', 'erase', 'embed-b', 'release', 'train', 'api']) {
      await delay(1_000)
      const { status, milliseconds } = await scene.crew.process(name).stop()
      console.log(`${name} stopped in ${milliseconds.toFixed(0)} ms`)
      expect([name, status]).toEqual([name, 0])
      expect(milliseconds, name).toBeLessThan(10_000)
      await scene.crew.start(name)
      await scene.crew.started()
    }
    await working.stop()
    await caughtUp(scene.address)
    const announced = (await recordsOf(outside, 'pairs.indexed')).flatMap(({ value }) =>
      value === null || known.has(value.pairId) ? [] : [`${value.pairId} ${value.generation} ${value.publishedAt}`],
    )
    const repeated = announced.length - new Set(announced).size
    console.log(`announced ${announced.length}, repeated ${repeated}`)
    expect(announced.length).toBeGreaterThan(20)
    expect(repeated).toBe(0)
    await expectNothingLost(scene, 'told to stop')
  })
})
