import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { embedGroup } from '../../../src/core/consumer-groups.ts'
import { modelVersionOf } from '../../../src/core/ids.ts'
import { createRandom } from '../../../src/core/random.ts'
import { eventually } from '../role-processes.ts'
import { ask, postJson } from './ask.ts'
import { begin, fullCrew, type Scene } from './begin.ts'
import { expectNothingLost } from './expect-nothing-lost.ts'
import { pairsIn, type KnownPair } from './ledger.ts'
import { startLoad } from './load.ts'
import { startOwnServers, type OwnServers } from './own-servers.ts'
import { lagOf, served } from './settle.ts'
import { embeddingMembers, encodedBy } from './sharing.ts'

/** Those that reach the broker through the proxy only. */
const far = ['embed-b', 'count', 'release', 'erase']
/** The ten seconds within which a publication is answered, and what a busy machine adds, in milliseconds. */
const ANSWERED_IN = 11_500
let own: OwnServers
let scene: Scene
const endings: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  own = await startOwnServers()
  endings.push(() => own.stop())
  const settings = { EVENT_LOG_URL: `kafka://${own.broker.secondAddress}` }
  const crew = fullCrew.map((member) => (far.includes(member.name) ? { ...member, settings } : member))
  scene = await begin({ crew, servers: own.addresses })
  endings.push(() => scene.end())
}, 300_000)
afterAll(async () => {
  for (const end of endings.toReversed()) await end()
})
afterEach(() => {
  own.proxy.mend()
  own.indexProxy.mend()
})

const load = (seed: number) => startLoad({ ...scene, random: createRandom(seed), workers: 2, mostPairs: 1_500 })

/** How one publication is answered, and how long that takes, in milliseconds. */
async function publishOne(): Promise<{ status: number | null; retryAfter: string | null; took: number }> {
  const { image } = await scene.supply()
  const begunAt = performance.now()
  const answer = await postJson(`${scene.address}/v1/pairs`, { image, split: 'train' })
  return {
    status: answer?.status ?? null,
    retryAfter: answer?.headers.get('retry-after') ?? null,
    took: performance.now() - begunAt,
  }
}

const isReady = async (): Promise<boolean> => (await ask(`${scene.address}/health/ready`))?.status === 200

describe('servers that go away', { timeout: 240_000 }, () => {
  it('refuses publications in time while the broker is killed, still searches, and goes on by itself', async () => {
    const working = load(1)
    const before = scene.ledger.pairs.size
    await eventually(
      async () => scene.ledger.pairs.size,
      (size) => size > before + 10,
    )
    await own.broker.kill()
    const answers = await Promise.all([publishOne(), publishOne()])
    for (const { status, retryAfter, took } of answers) {
      expect(status).toBe(503)
      expect(Number(retryAfter)).toBeGreaterThan(0)
      expect(took).toBeLessThan(ANSWERED_IN)
    }
    const search = await ask(`${scene.address}/v1/search?q=circle`)
    expect(search?.status).toBe(200)
    expect(await isReady()).toBe(true)
    await own.broker.start()
    await eventually(publishOne, ({ status }) => status === 202, 30_000)
    await working.stop()
    await expectNothingLost(scene, 'broker killed')
  })

  it('goes on without the registry, which only those that start wait for', async () => {
    const working = load(2)
    await own.registry.kill()
    await crewMemberStartsAgain('embed-a')
    const before = scene.ledger.pairs.size
    await eventually(
      async () => scene.ledger.pairs.size,
      (size) => size > before + 10,
      30_000,
    )
    await isNotReady('embed-a', 'log-unavailable')
    await own.registry.start()
    await scene.crew.started()
    await working.stop()
    await expectNothingLost(scene, 'registry killed')
  })

  it.each(['freeze', 'cut'] as const)(
    'hands the partitions of a process that the network cut off to the other, and back; those that are alone go on later: %s',
    async (how) => {
      const working = load(3)
      await growBoth(await encoded())
      own.proxy[how]()
      await eventually(
        () => embeddingMembers(scene),
        (members) => members === 1,
      )
      const cut = await encoded()
      const [erased] = aLivePair()
      await scene.client.erase([erased])
      const version = await trainingBegun()
      await trained(version)
      await eventually(encoded, ([near = 0]) => near > (cut[0] ?? 0) + 10)
      await working.stop()
      const { generation } = await served(scene.address)
      const lag = await eventually(
        () => lagOf(scene.address),
        (now) => now?.[embedGroup(generation)] === 0,
      )
      for (const group of ['count', 'release', 'erase']) expect(lag?.[group], group).toBeGreaterThan(0)
      expect((await ask(`${scene.address}/v1/erasures/${erased}`))?.body['state']).not.toBe('done')
      expect(await decisionOn(version)).toBe(null)
      const during = await encoded()
      expect(during[1]).toBe(cut[1])
      own.proxy.mend()
      const again = load(4)
      await eventually(
        () => embeddingMembers(scene),
        (members) => members === 2,
      )
      await growBoth(during)
      await eventually(
        () => decisionOn(version),
        (decision) => decision !== null,
      )
      await again.stop()
      console.log(
        `encoded by both: at the cut ${cut.join(', ')}, at its end ${during.join(', ')}, then ${(await encoded()).join(', ')}`,
      )
      await expectNothingLost(scene, `network: ${how}`)
    },
  )

  it('publishes and searches by words while the index is cut off, says why it is not ready, and goes on by itself', async () => {
    const working = load(7)
    await growBoth(await encoded())
    const said = (name: string) => scene.crew.said(name)
    const before = new Map(scene.crew.names.map((name) => [name, said(name).length]))
    const [erased, { caption }] = aLivePair()
    const search = (mode: 'text' | 'vector') =>
      ask(`${scene.address}/v1/search?mode=${mode}&target=captions&q=${encodeURIComponent(caption)}`)
    own.indexProxy.cut()
    const ready = await eventually(
      () => ask(`${scene.address}/health/ready`),
      (answer) => answer?.status === 503,
    )
    expect(ready?.body['reasons']).toEqual(['index-unavailable'])
    const [words, meaning] = await Promise.all([search('text'), search('vector')])
    expect([words?.status, words?.body['hits']]).toEqual([200, expect.arrayContaining([expect.anything()])])
    expect([meaning?.status, meaning?.body['code']]).toEqual([503, 'index-unavailable'])
    expect((await publishOne()).status).toBe(202)
    await scene.client.erase([erased])
    for (const name of ['embed-a', 'embed-b', 'erase']) {
      await eventually(
        async () => said(name).slice(before.get(name)),
        (lines) => lines.includes('waiting for a dependency'),
      )
    }
    expect((await ask(`${scene.address}/v1/erasures/${erased}`))?.body['state']).not.toBe('done')
    own.indexProxy.mend()
    await eventually(isReady, (answer) => answer)
    expect((await search('vector'))?.status).toBe(200)
    await working.stop()
    await expectNothingLost(scene, 'index cut off')
  })

  it('refuses publications while the blob store is killed, and trains on by itself when it is back', async () => {
    const working = load(5)
    const version = await trainingBegun()
    const saidBefore = scene.crew.said('train').length
    await own.minio.kill()
    for (const { status, retryAfter, took } of await Promise.all([publishOne(), publishOne()])) {
      expect(status).toBe(503)
      expect(Number(retryAfter)).toBeGreaterThan(0)
      expect(took).toBeLessThan(ANSWERED_IN)
    }
    await trainerWaits(saidBefore)
    await isNotReady('train', 'blob-store-unavailable')
    expect((await ask(`${scene.address}/v1/search?q=circle`))?.status).toBe(200)
    expect(await isReady()).toBe(true)
    await own.minio.start()
    await eventually(publishOne, ({ status }) => status === 202, 30_000)
    await trained(version)
    await working.stop()
    await expectNothingLost(scene, 'blob store killed')
  })

  it('publishes and embeds on while the tracking server is killed, and trains on by itself when it is back', async () => {
    const working = load(6)
    const version = await trainingBegun()
    const saidBefore = scene.crew.said('train').length
    await own.mlflow.kill()
    expect((await publishOne()).status).toBe(202)
    await growBoth(await encoded())
    await trainerWaits(saidBefore)
    await isNotReady('train', 'tracking-unavailable')
    await own.mlflow.start()
    await trained(version)
    await working.stop()
    await expectNothingLost(scene, 'tracking server killed')
  })
})

/** How many pairs the two that embed have encoded: the one that is near the broker, and the one behind the proxy. */
const encoded = () => Promise.all(['embed-a', 'embed-b'].map((name) => encodedBy(scene, name)))

/** Resolves once both have encoded more than `before`. */
const growBoth = (before: readonly number[]): Promise<unknown> =>
  eventually(encoded, (now) => now.every((count, at) => count > (before[at] ?? 0)))

function aLivePair(): readonly [string, KnownPair] {
  const [pair] = pairsIn(scene.ledger, 'live')
  if (pair === undefined) throw new Error('Nothing was published.')
  return pair
}

/** Asks for a retraining and waits until somebody is at it; the version of its model. */
async function trainingBegun(): Promise<string> {
  const request = await postJson(`${scene.address}/v1/retraining`, {})
  expect(request?.status).toBe(202)
  const version = modelVersionOf(String(request?.body['requestId']))
  await eventually(
    async () => existsSync(join(scene.crew.folder('train'), 'training', version)),
    (isThere) => isThere,
  )
  return version
}

/** Resolves once the trainer has said that it waits, after what it had said before. */
const trainerWaits = (before: number): Promise<unknown> =>
  eventually(
    async () => scene.crew.said('train').slice(before),
    (said) => said.includes('waiting for a dependency'),
  )

/** Resolves once the process says that it is not ready for want of this. */
const isNotReady = (name: string, reason: string): Promise<unknown> =>
  eventually(
    () => ask(`${scene.crew.address(name)}/health/ready`),
    (answer) => answer?.status === 503 && JSON.stringify(answer.body['reasons']).includes(`"${reason}"`),
    30_000,
  )

/** The newest decision about a model. */
async function decisionOn(version: string): Promise<unknown> {
  const answer = await ask(`${scene.address}/v1/models`)
  const models = (answer?.body['models'] ?? []) as { modelVersion: string; release: string | null }[]
  return models.find(({ modelVersion }) => modelVersion === version)?.release ?? null
}

async function trained(version: string): Promise<void> {
  const { catalogue } = await scene.outside()
  const outcome = await eventually(
    async () => catalogue.model(version)?.outcome ?? null,
    (ended) => ended !== null,
  )
  expect(outcome).toBe('trained')
}

async function crewMemberStartsAgain(name: string): Promise<void> {
  await scene.crew.kill(name)
  await scene.crew.start(name)
  await eventually(
    async () => (await ask(`${scene.crew.address(name)}/health/live`))?.status === 200,
    (alive) => alive,
  )
}
