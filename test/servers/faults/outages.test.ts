import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { modelVersionOf } from '../../../src/core/ids.ts'
import { createRandom } from '../../../src/core/random.ts'
import { startTcpProxy, type TcpProxy } from '../../fixtures/tcp-proxy.ts'
import { startKafkaBroker, type KafkaBroker } from '../kafka.ts'
import { startMinio } from '../minio.ts'
import { startMlflow } from '../mlflow.ts'
import { startSchemaRegistry, type SchemaRegistry } from '../registry.ts'
import { startRestartableBy, type RestartableServer } from '../restartable-server.ts'
import { eventually } from '../role-processes.ts'
import { freePort } from '../server-process.ts'
import { ask, postJson } from './ask.ts'
import { begin, fullCrew, type Scene } from './begin.ts'
import { startLoad } from './load.ts'
import { expectNothingLost } from './expect-nothing-lost.ts'
import { caughtUp } from './settle.ts'
import { embeddingMembers, encodedBy } from './sharing.ts'

let broker: KafkaBroker
let proxy: TcpProxy
let registry: SchemaRegistry
let minio: RestartableServer
let mlflow: RestartableServer
let scene: Scene
const endings: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pairstream-outages-'))
  endings.push(() => rm(folder, { recursive: true, force: true }))
  const ports = { minio: await freePort(), mlflow: await freePort() }
  const startingMlflow = startRestartableBy(() => startMlflow(join(folder, 'mlflow'), ports.mlflow))
  endings.push(async () => (await startingMlflow).stop())
  minio = await startRestartableBy(() => startMinio(join(folder, 'minio'), ports.minio))
  endings.push(() => minio.stop())
  registry = await startSchemaRegistry(join(folder, 'registry'))
  endings.push(() => registry.stop())
  broker = await startKafkaBroker(join(folder, 'kafka'), {
    async advertiseSecond(port) {
      proxy = await startTcpProxy(port)
      endings.push(() => proxy.close())
      return proxy.port
    },
  })
  endings.push(() => broker.kill())
  const beyondProxy = { EVENT_LOG_URL: `kafka://${broker.secondAddress}` }
  const crew = fullCrew.map((member) => (member.name === 'embed-b' ? { ...member, settings: beyondProxy } : member))
  mlflow = await startingMlflow
  const own = { minio: `http://127.0.0.1:${ports.minio}`, mlflow: `http://127.0.0.1:${ports.mlflow}` }
  const servers = { ...inject('servers'), ...own, kafka: broker.address, registry: registry.address }
  scene = await begin({ crew, servers })
  endings.push(() => scene.end())
}, 240_000)
afterAll(async () => {
  for (const end of endings.toReversed()) await end()
})
afterEach(async () => {
  proxy.mend()
})

const load = (seed: number) => startLoad({ ...scene, random: createRandom(seed), workers: 2, mostPairs: 1_500 })

/** How one publication is answered, and how long that takes, in milliseconds. */
async function publishOne(): Promise<{ status: number | null; retryAfter: string | null; took: number }> {
  const begunAt = performance.now()
  const { image } = await scene.supply()
  const answer = await postJson(`${scene.address}/v1/pairs`, { image, split: 'train' })
  return {
    status: answer?.status ?? null,
    retryAfter: answer?.headers.get('retry-after') ?? null,
    took: performance.now() - begunAt,
  }
}

const isReady = async (): Promise<boolean> => (await ask(`${scene.address}/health/ready`))?.status === 200

describe('servers that go away', { timeout: 180_000 }, () => {
  it('refuses publications in time while the broker is killed, still searches, and goes on by itself', async () => {
    const working = load(1)
    const before = scene.ledger.pairs.size
    await eventually(
      async () => scene.ledger.pairs.size,
      (size) => size > before + 10,
    )
    await broker.kill()
    const answers = await Promise.all([publishOne(), publishOne()])
    for (const { status, retryAfter, took } of answers) {
      expect(status).toBe(503)
      expect(Number(retryAfter)).toBeGreaterThan(0)
      expect(took).toBeLessThan(15_000)
    }
    const search = await ask(`${scene.address}/v1/search?q=circle`)
    expect(search?.status).toBe(200)
    expect(await isReady()).toBe(true)
    await broker.start()
    await eventually(publishOne, ({ status }) => status === 202, 30_000)
    await working.stop()
    await expectNothingLost(scene, 'broker killed')
  })

  it('goes on without the registry, which only those that start wait for', async () => {
    const working = load(2)
    await registry.kill()
    await crewMemberStartsAgain('embed-a')
    const before = scene.ledger.pairs.size
    await eventually(
      async () => scene.ledger.pairs.size,
      (size) => size > before + 10,
      30_000,
    )
    const waiting = await eventually(
      () => ask(`${scene.crew.address('embed-a')}/health/ready`),
      (answer) => JSON.stringify(answer?.body).includes('log-unavailable'),
      30_000,
    )
    expect(waiting?.status).toBe(503)
    await registry.start()
    await scene.crew.started()
    await working.stop()
    await expectNothingLost(scene, 'registry killed')
  })

  it('hands the partitions of a process that the network cut off to the other, and back', async () => {
    const working = load(3)
    await growBoth(await encoded())
    proxy.freeze()
    await eventually(
      () => embeddingMembers(scene),
      (members) => members === 1,
    )
    const cut = await encoded()
    await eventually(encoded, ([near = 0]) => near > (cut[0] ?? 0) + 10)
    await working.stop()
    await caughtUp(scene.address)
    const during = await encoded()
    expect(during[1]).toBe(cut[1])
    proxy.mend()
    const again = load(4)
    await eventually(
      () => embeddingMembers(scene),
      (members) => members === 2,
    )
    await growBoth(during)
    await again.stop()
    console.log(
      `encoded by both: at the cut ${cut.join(', ')}, at its end ${during.join(', ')}, then ${(await encoded()).join(', ')}`,
    )
    await expectNothingLost(scene, 'network cut')
  })

  it('refuses publications while the blob store is killed, and trains on by itself when it is back', async () => {
    const working = load(5)
    const version = await trainingBegun()
    const saidBefore = scene.crew.said('train').length
    await minio.kill()
    for (const { status, retryAfter, took } of await Promise.all([publishOne(), publishOne()])) {
      expect(status).toBe(503)
      expect(Number(retryAfter)).toBeGreaterThan(0)
      expect(took).toBeLessThan(15_000)
    }
    await trainerWaits(saidBefore)
    expect((await ask(`${scene.address}/v1/search?q=circle`))?.status).toBe(200)
    expect(await isReady()).toBe(true)
    await minio.start()
    await eventually(publishOne, ({ status }) => status === 202, 30_000)
    await trained(version)
    await working.stop()
    await expectNothingLost(scene, 'blob store killed')
  })

  it('publishes and embeds on while the tracking server is killed, and trains on by itself when it is back', async () => {
    const working = load(6)
    const version = await trainingBegun()
    const saidBefore = scene.crew.said('train').length
    await mlflow.kill()
    expect((await publishOne()).status).toBe(202)
    await growBoth(await encoded())
    await trainerWaits(saidBefore)
    await mlflow.start()
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
