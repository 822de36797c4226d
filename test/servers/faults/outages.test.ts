import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { createRandom } from '../../../src/core/random.ts'
import { startTcpProxy, type TcpProxy } from '../../fixtures/tcp-proxy.ts'
import { startKafkaBroker, type KafkaBroker } from '../kafka.ts'
import { startSchemaRegistry, type SchemaRegistry } from '../registry.ts'
import { eventually } from '../role-processes.ts'
import { ask, postJson } from './ask.ts'
import { begin, fullCrew, type Scene } from './begin.ts'
import { startLoad } from './load.ts'
import { expectNothingLost } from './expect-nothing-lost.ts'
import { caughtUp } from './settle.ts'

/** What a session lasts here, in milliseconds; see `KAFKA_SESSION_SECONDS`. */
const SESSION = 6_000

let broker: KafkaBroker
let proxy: TcpProxy
let registry: SchemaRegistry
let scene: Scene
const endings: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pairstream-outages-'))
  endings.push(() => rm(folder, { recursive: true, force: true }))
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
  const servers = { ...inject('servers'), kafka: broker.address, registry: registry.address }
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
    const waiting = await ask(`${scene.crew.address('embed-a')}/health/ready`)
    expect(waiting?.status).toBe(503)
    expect(JSON.stringify(waiting?.body)).toContain('log-unavailable')
    await registry.start()
    await scene.crew.started()
    await working.stop()
    await expectNothingLost(scene, 'registry killed')
  })

  it('hands the partitions of a process that the network cut off to the other, and back', async () => {
    const working = load(3)
    proxy.freeze()
    await delay(SESSION * 1.5)
    const before = scene.ledger.pairs.size
    await eventually(
      async () => scene.ledger.pairs.size,
      (size) => size > before + 10,
      30_000,
    )
    // Only the other embeds now.
    await working.stop()
    await caughtUp(scene.address)
    proxy.mend()
    const again = load(4)
    await eventually(
      async () => (await ask(`${scene.crew.address('embed-b')}/health/ready`))?.status === 200,
      (ready) => ready,
      60_000,
    )
    await delay(3_000)
    await again.stop()
    await expectNothingLost(scene, 'network cut')
  })
})

async function crewMemberStartsAgain(name: string): Promise<void> {
  await scene.crew.kill(name)
  await scene.crew.start(name)
  await eventually(
    async () => (await ask(`${scene.crew.address(name)}/health/live`))?.status === 200,
    (alive) => alive,
  )
}
