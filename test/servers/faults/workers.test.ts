import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { embedGroup } from '../../../src/core/consumer-groups.ts'
import { modelVersionOf } from '../../../src/core/ids.ts'
import { partitionOf } from '../../../src/core/partition.ts'
import { createRandom } from '../../../src/core/random.ts'
import { viewReleases } from '../../../src/core/release-chain.ts'
import { pointKinds } from '../../../src/ports/vector-index.ts'
import { restorePair } from '../../../src/roles/commands.ts'
import { eventually } from '../role-processes.ts'
import { ask, postJson } from './ask.ts'
import { begin, fullCrew, type Scene } from './begin.ts'
import { expectNothingLost } from './expect-nothing-lost.ts'
import {
  isLookUpOf,
  isRemovalOf,
  isUpsertOf,
  startHoldingProxy,
  type HoldingProxy,
  type Trap,
} from './holding-proxy.ts'
import { startLoad } from './load.ts'
import { otherCaptions, recordsOf } from './outside.ts'
import { caughtUp, releasesOf, served } from './settle.ts'
import { embeddingMembers, encodedBy, sharesOf } from './sharing.ts'
import { stopInHand } from './stopped-worker.ts'
import { withOtherCaption } from './supply.ts'

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
  const third = { name: 'embed-c', roles: ['embed'], comesLater: true } as const
  scene = await begin({ crew: [...crew, ...twins, third], settings: { TRAINING_EPOCHS } })
  endings.push(() => scene.end())
}, 300_000)
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
    await expectNothingLost(scene, 'two trainers')
  })

  it('promotes a generation once, also when the process that was at it is killed', async () => {
    const outside = await scene.outside()
    const before = await served(scene.address)
    const shares = () => sharesOf(scene, 'release', 'models.trained')
    // The coordinator does not know processes: whoever is alone in the group tells its id there.
    expect((await scene.crew.process('release-b').stop()).status).toBe(0)
    const alone = await eventually(shares, ({ size }) => size === 1)
    await scene.crew.start('release-b')
    await scene.crew.started()
    const both = await eventually(shares, (members) => members.size === 2 && ownersIn(members).length === 1)
    const [own = ''] = alone.keys()
    expect(both.has(own)).toBe(true)
    const victim = ownersIn(both)[0] === own ? 'release' : 'release-b'

    const reindexing = scene.installation.run('reindex', '--no-wait', '--json')
    await eventually(
      async () => viewReleases(outside.catalogue.releases()).build,
      (build) => build !== null,
    )
    await scene.crew.kill(victim)
    const { status, stderr } = await reindexing
    expect(status, stderr).toBe(0)
    await eventually(
      () => served(scene.address),
      ({ generation }) => generation !== before.generation,
      60_000,
    )
    const [owner] = ownersIn(await eventually(shares, (members) => ownersIn(members).length === 1))
    expect(owner).not.toBe(ownersIn(both)[0])
    await scene.crew.start(victim)
    await scene.crew.started()
    const { generation } = await served(scene.address)
    const records = (await recordsOf(outside, 'releases')).filter(
      ({ value }) => value?.generation === generation && value.state === 'promoted',
    )
    const valid = (await releasesOf(scene.address)).filter(
      (release) => release.generation === generation && release.state === 'promoted',
    )
    console.log(
      `${victim}, which was given models.trained/0, killed; promotions of ${generation}: ${records.length} in the log, ` +
        `${valid.length} that count`,
    )
    expect(valid).toHaveLength(1)
    expect(new Set(records.map(({ key }) => key)).size).toBe(1)
    await expectNothingLost(scene, 'two of a kind')
  })
})

const ownersIn = (members: ReadonlyMap<string, readonly number[]>): string[] =>
  [...members].flatMap(([member, partitions]) => (partitions.includes(0) ? [member] : []))

const ownerOfEach = (members: ReadonlyMap<string, readonly number[]>): ReadonlyMap<number, string> =>
  new Map([...members].flatMap(([member, partitions]) => partitions.map((partition) => [partition, member] as const)))

/** The partitions of the pairs that a request about points writes. */
function partitionsIn(body: string): number[] {
  const { points } = JSON.parse(body) as { points: readonly { payload: { imageId: string } }[] }
  const partitions = Number(scene.installation.environment['PARTITIONS'])
  return [...new Set(points.map(({ payload }) => partitionOf(payload.imageId, partitions)))]
}

const MOST_TRIES = 8

describe('a third that joins', { timeout: 180_000 }, () => {
  it('loses nothing when its coming moves partitions in the middle of a batch of another', async () => {
    const working = startLoad({ ...scene, random: createRandom(6), workers: 2, mostPairs: 2_000 })
    const group = embedGroup((await served(scene.address)).generation)
    const owners = async () => ownerOfEach(await sharesOf(scene, group, 'pairs'))
    /** Whether the coming of the third has given a partition of the held batch to somebody else, before the batch was written. */
    const moveHeld = async (): Promise<boolean> => {
      // Everyone keeps the first of what it holds.
      const last = [...(await sharesOf(scene, group, 'pairs')).values()].map((partitions) => partitions.at(-1) ?? 0)
      const isSuch: Trap['isSuch'] = (method, path, body) =>
        isUpsertOf('captions')(method, path, body) && partitionsIn(body).some((partition) => last.includes(partition))
      const held = await proxy.hold({ holds: 'request', isSuch })
      const before = await owners()
      await scene.crew.start('embed-c')
      await scene.crew.started()
      await eventually(
        () => embeddingMembers(scene),
        (members) => members === 3,
      )
      const shared = await eventually(owners, (all) => all.size === before.size && new Set(all.values()).size === 3)
      const moved = partitionsIn(held.body).filter((partition) => shared.get(partition) !== before.get(partition))
      console.log(`of the held batch moved: ${moved.join(', ') || 'nothing'}, of ${partitionsIn(held.body).join(', ')}`)
      if (moved.length > 0) {
        await eventually(
          () => encodedBy(scene, 'embed-c'),
          (pairs) => pairs > 0,
        )
      }
      expect(await held.release()).toBe(200)
      return moved.length > 0
    }
    // The batch may be among what stays where it was.
    let isMoved = await moveHeld()
    for (let tries = 1; !isMoved && tries < MOST_TRIES; tries++) {
      expect((await scene.crew.process('embed-c').stop()).status).toBe(0)
      await eventually(owners, (all) => new Set(all.values()).size === 2)
      isMoved = await moveHeld()
    }
    expect(isMoved).toBe(true)
    await working.stop()
    await caughtUp(scene.address)
    const encoded = await Promise.all(['embed-a', 'embed-b', 'embed-c'].map((name) => encodedBy(scene, name)))
    console.log(`encoded by the three: ${encoded.join(', ')}`)
    await expectNothingLost(scene, 'third joined')
    expect((await scene.crew.process('embed-c').stop()).status).toBe(0)
  })
})

describe('a worker that is stopped before it writes', { timeout: 180_000 }, () => {
  it.each([
    { when: 'with captions on their way', holds: 'request', isSuch: isUpsertOf('captions') },
    { when: 'with images on their way', holds: 'request', isSuch: isUpsertOf('images') },
    { when: 'before it has sent anything', holds: 'answer', isSuch: isLookUpOf('images') },
  ] as const)('brings nothing back and takes nothing away when it goes on later: $when', async ({ when, ...trap }) => {
    const outside = await scene.outside()
    const { generation } = await served(scene.address)
    const stopped = await stopInHand(scene, 'embed-a', proxy, trap)
    const [victim, witness] = stopped.pictures
    const [{ caption } = { caption: '' }] = victim.pairs
    const erased = victim.pairs.map(({ pairId }) => pairId)
    await scene.client.erase(erased)
    const further = withOtherCaption(witness, `words that came later, ${when}`)
    await scene.client.publish(further)
    // The other has to embed them first: the session must run out, and the partition be given away.
    for (const pairId of erased) await stateOf(`erasures/${pairId}`, 'state', 'done')
    for (const { pairId } of further.pairs) await stateOf(`pairs/${pairId}`, 'status', 'indexed')
    expect(await stopped.goOn()).toBe(200)

    const search = async (): Promise<string[]> => {
      const answer = await ask(`${scene.address}/v1/search?q=${encodeURIComponent(caption)}&target=captions&limit=100`)
      return (answer?.body['hits'] as { pairId: string }[]).map(({ pairId }) => pairId)
    }
    let searches = 0
    await eventually(
      async () => {
        const found = await search()
        expect(found.filter((pairId) => erased.includes(pairId))).toEqual([])
        searches++
        return [
          ...(await outside.index.points(generation, 'captions', erased)),
          ...(await outside.index.points(generation, 'images', [victim.imageId])),
        ]
      },
      (points) => points.length === 0 && searches > 3,
      30_000,
    )
    // Nor does the point of an image show other words than its own for longer than until the next sweep.
    await eventually(
      () => otherCaptions(outside, generation),
      (images) => images.length === 0,
      30_000,
    )
    const [point] = await outside.index.points(generation, 'images', [witness.imageId])
    const captions = [...witness.pairs, ...further.pairs].map((pair) => pair.caption)
    expect(new Set(point?.payload.captions)).toEqual(new Set(captions))
    console.log(
      `${when}: ${stopped.pictures.length} pictures in hand, one erased, ${searches} searches did not find it`,
    )
    await expectNothingLost(scene, `worker stopped ${when}`)
  })
})

describe('a worker that is stopped before it removes', { timeout: 180_000 }, () => {
  it.each(pointKinds)('takes nothing away that came back meanwhile, of %s', async (kind) => {
    const outside = await scene.outside()
    const { generation } = await served(scene.address)
    const pictures = await Promise.all(Array.from({ length: 8 }, scene.supply))
    for (const picture of pictures) await scene.client.publish(picture)
    await caughtUp(scene.address)
    const holding = proxy.hold({ holds: 'request', isSuch: isRemovalOf(kind) })
    for (const { pairs } of pictures) await scene.client.erase(pairs.map(({ pairId }) => pairId))
    const held = await holding
    const worker = scene.crew.process('embed-a')
    worker.signal('SIGSTOP')
    const inHand = pictures.filter(({ imageId, pairs }) =>
      [imageId, ...pairs.map(({ pairId }) => pairId)].some((id) => held.body.includes(id)),
    )
    // The other has to take the partition over first, or there is no receipt.
    for (const { pairs } of inHand) {
      for (const { pairId } of pairs) {
        await stateOf(`erasures/${pairId}`, 'state', 'done')
        await restorePair({ ...outside, clock: Date.now }, pairId, 'a fault test')
        await stateOf(`erasures/${pairId}`, 'state', 'restored')
      }
    }
    for (const picture of inHand) await scene.client.publish(picture)
    const captions = inHand.flatMap(({ pairs }) => pairs.map(({ pairId }) => pairId))
    for (const pairId of captions) await stateOf(`pairs/${pairId}`, 'status', 'indexed')
    worker.signal('SIGCONT')
    expect(await held.release()).toBe(200)
    await caughtUp(scene.address)

    const images = inHand.map(({ imageId }) => imageId)
    const there = [
      await outside.index.points(generation, 'images', images),
      await outside.index.points(generation, 'captions', captions),
    ]
    console.log(`${kind}: ${images.length} pictures and ${captions.length} captions came back before they were removed`)
    expect(there.map((points) => points.map(({ id }) => id).sort())).toEqual([images.sort(), captions.sort()])
    await expectNothingLost(scene, `worker stopped before it removed ${kind}`)
  })
})

/** Waits until the API says so of something. */
const stateOf = (what: string, field: string, state: string): Promise<unknown> =>
  eventually(
    () => ask(`${scene.address}/v1/${what}`),
    (answer) => answer?.body[field] === state,
  )

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
