import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { Platform } from '../../../src/bootstrap.ts'
import { judgedTopics } from '../../../src/consumers/judge.ts'
import { topics, type Topic } from '../../../src/core/events.ts'
import { createRandom } from '../../../src/core/random.ts'
import type { NewRecord } from '../../../src/ports/event-log.ts'
import { pairEvent } from '../../fixtures/pair-events.ts'
import { topicValues } from '../../fixtures/topic-values.ts'
import { produceForeign } from '../kafka-fixture.ts'
import { eventually } from '../role-processes.ts'
import { ask, postJson } from './ask.ts'
import { begin, type Scene } from './begin.ts'
import { expectNothingLost } from './expect-nothing-lost.ts'
import { pairsIn } from './ledger.ts'
import { startLoad } from './load.ts'
import { recordsOf } from './outside.ts'
import { misplacedPairs, unreadableOf, type ForeignPlace, type Poison } from './poison.ts'
import { caughtUp, releasesOf, served, settled } from './settle.ts'
import { tally } from '../../fixtures/fault-findings.ts'
import { removalsOf } from '../../fixtures/points.ts'
import { verify } from './verify.ts'

let scene: Scene
let outside: Platform

beforeAll(async () => {
  scene = await begin({})
  const working = startLoad({ ...scene, random: createRandom(1), workers: 3, mostPairs: 1_000 })
  await eventually(
    async () => [pairsIn(scene.ledger, 'live').length, pairsIn(scene.ledger, 'erased').length],
    ([live = 0, erased = 0]) => live > 250 && erased > 15,
  )
  await working.stop()
  outside = await scene.outside()
}, 240_000)
afterAll(() => scene.end())

/** Two that embed, one after the other: Kafka moves no group that has members. */
const embedding = ['embed-a', 'embed-b']

describe('records that come more than once', { timeout: 180_000 }, () => {
  it('puts back what the index has lost, and doubles nothing, when a partition is replayed from its beginning', async () => {
    await settled(scene.address, scene.ledger, outside)
    const { generation } = await served(scene.address)
    const missing = pairsIn(scene.ledger, 'live').slice(0, 30)
    await outside.index.remove(generation, 'captions', removalsOf(missing.map(([pairId]) => pairId)))
    for (const name of embedding) expect((await scene.crew.process(name).stop()).status).toBe(0)
    const replay = await scene.installation.run('replay', '--from', '0', '--json')
    expect(replay.status, replay.stderr).toBe(0)
    for (const name of embedding) await scene.crew.start(name)
    await scene.crew.started()
    await expectNothingLost(scene, 'replayed')
  })

  it('keeps what is erased erased, and the rest as it is, when a producer repeats old records out of their order', async () => {
    const random = createRandom(4)
    const known = await recordsOf(outside, 'pairs')
    const repeated: NewRecord<'pairs'>[] = Array.from({ length: 3 }, () => known)
      .flat()
      .filter(({ value }) => value !== null || random.float() < 0.5)
      // A tombstone is repeated for what is erased already only: a new one would be an erasure.
      .map(({ key, value }) => ({ order: random.float(), record: { topic: 'pairs' as const, key, value } }))
      .sort((a, b) => a.order - b.order)
      .map(({ record }) => record)
    await outside.log.append(repeated)
    console.log(
      `appended ${repeated.length} old records, ${repeated.filter(({ value }) => value === null).length} tombstones`,
    )
    await expectNothingLost(scene, 'repeated out of order')
  })
})

describe('records that nobody can work on', { timeout: 480_000 }, () => {
  it('end in the dead topic once, with their cause, and hold nothing up', async () => {
    const { environment } = scene.installation
    const place: ForeignPlace = {
      registry: inject('servers').registry,
      prefix: environment['KAFKA_PREFIX'] ?? '',
      partitions: Number(environment['PARTITIONS']),
    }
    const pair = pairEvent('no picture', 'a caption of poison')
    const values = { ...topicValues, pairs: pair }
    const poison = new Map<string, Poison[]>()
    for (const topic of topics) poison.set(topic, await unreadableOf(place, topic, values))
    poison.get('pairs')?.push(...(await misplacedPairs(place, pair)))
    await produceForeign([inject('servers').kafka], [...poison.values()].flat())
    await caughtUp(scene.address)

    for (const topic of topics) {
      const expected = (poison.get(topic) ?? []).map(({ cause }) => cause).sort()
      const causes = await eventually(
        async () => (await outside.log.dead(topic)).map(({ headers }) => headers['cause']).sort(),
        ({ length }) => length >= expected.length,
      )
      console.log(`${topic}.dead: ${causes.join(', ')}`)
      expect(causes, topic).toEqual(expected)
    }
    // Whoever folds by itself has noticed, too.
    const readWhole: readonly Topic[] = ['judgements', 'queries', 'feedback', 'audit']
    for (const topic of judgedTopics.filter((each) => !readWhole.includes(each))) {
      const passed = poison.get(topic)?.length ?? 0
      const line = `pairstream_records_refused_total{topic="${topic}",cause="record-unreadable"} ${passed}`
      expect(await (await fetch(`${scene.address}/metrics`)).text()).toContain(line)
    }
    expect(outside.catalogue.isLivePair(pair.pairId)).toBe(false)
    expect(outside.catalogue.isErased(pair.pairId)).toBe(false)

    // Everything after it is worked on, in every topic: pairs and erasures, a request, its model, the decision on it, a new generation.
    const working = startLoad({ ...scene, random: createRandom(5), workers: 3, mostPairs: 2_000 })
    const before = scene.ledger.pairs.size
    const { generation } = await served(scene.address)
    const request = await postJson(`${scene.address}/v1/retraining`, {})
    expect(request?.status).toBe(202)
    const model = await eventually(
      async () => (await modelsOf(scene.address)).find(({ requestId }) => requestId === request?.body['requestId']),
      (answer) => answer !== undefined && (answer.outcome !== 'trained' || answer.release !== null),
      120_000,
    )
    expect(model).toMatchObject({ outcome: 'trained', detail: null })
    if (model?.release === 'rejected' || model?.release === 'inconclusive') {
      const reindexed = await scene.installation.run('reindex', '--no-wait', '--json')
      expect(reindexed.status, reindexed.stderr).toBe(0)
    }
    await eventually(
      () => served(scene.address),
      (now) => now.generation !== generation,
      180_000,
    )
    await eventually(
      async () => scene.ledger.pairs.size,
      (size) => size > before + 20,
    )
    await working.stop()
    await settled(scene.address, scene.ledger, outside)
    await expectNothingElse('poisoned')

    // Who folds all of it anew comes to the same.
    const told = await stateOf(scene.address)
    expect((await scene.crew.process('api').stop()).status).toBe(0)
    await scene.crew.start('api', { withoutData: true })
    await scene.crew.started()
    await served(scene.address)
    expect(await stateOf(scene.address)).toEqual(told)
    await expectNothingElse('folded anew past the poison')
  })
})

/** Fails where something is missing or doubled, or wrong but for the records that had to die. */
async function expectNothingElse(what: string): Promise<void> {
  const findings = await verify(outside, scene.address, scene.ledger)
  const inconsistent = findings.inconsistent.filter((complaint) => !complaint.startsWith('a dead record'))
  const others = { ...findings, inconsistent }
  console.log(`${what}: ${tally(others)}`)
  expect(others).toMatchObject({ lost: [], duplicated: [], resurrected: [], inconsistent: [] })
}

type Model = { readonly requestId: string; readonly outcome: string; readonly release: string | null }

async function modelsOf(address: string): Promise<readonly Model[]> {
  return ((await ask(`${address}/v1/models`))?.body['models'] ?? []) as readonly Model[]
}

/** What the API says of everything that it folds. */
async function stateOf(address: string) {
  const { images, pairs, counted, training, release } = (await ask(`${address}/v1/status`))?.body ?? {}
  return [{ images, pairs, counted, training, release }, await modelsOf(address), await releasesOf(address)]
}
