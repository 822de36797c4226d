import { expect, it, onTestFinished } from 'vitest'
import { createReleaseLog } from '../../src/consumers/release-log.ts'
import { embedGroup } from '../../src/core/consumer-groups.ts'
import { scenesSource } from '../../src/producers/scenes/scenes-source.ts'
import { publishSource } from '../../src/producers/publish-source.ts'
import { consumerLag, lagByGroup } from '../../src/roles/lag.ts'
import { startRoles } from '../../src/roles/start-roles.ts'
import { spoil } from '../consumers/poison.ts'
import { topicValues } from '../fixtures/topic-values.ts'
import { openedServices } from './opened-services.ts'

it('tells of the generations that are kept up to date, and no longer of one that is retired', async () => {
  const made = await openedServices()
  const { catalogue, log, clock } = made
  const releases = createReleaseLog({ catalogue, log, clock })
  const say = async (state: 'building' | 'promoted' | 'retired', generation: string): Promise<void> => {
    await catalogue.caughtUp(log)
    const follows = catalogue.releases().at(-1)?.releaseId ?? null
    const modelVersion = `m-${generation}`
    await releases.append({ follows, state, modelVersion, generation, reason: 'test', evidence: null })
    await catalogue.caughtUp(log)
  }
  for (const generation of ['g1', 'g2']) {
    await say('building', generation)
    await say('promoted', generation)
    const consumer = log.consume(embedGroup(generation), { topics: ['pairs'], handle: async () => undefined })
    await publishSource(scenesSource({ count: 2, seed: 3 }), made.publisher)
    const isThrough = async () => (await log.groups()).includes(embedGroup(generation))
    while (!(await isThrough())) await new Promise((resolve) => setTimeout(resolve, 5))
    await consumer.stop()
  }
  const roles = await startRoles(made, ['api'])
  onTestFinished(() => roles.stop())
  const get = async (path: string) => (await fetch(`${roles.address ?? ''}${path}`)).text()

  const groups = async () => (await consumerLag(log, catalogue)).map(({ group }) => group)
  expect(await groups()).toEqual(expect.arrayContaining(['embed-g1', 'embed-g2']))
  expect(await get('/metrics')).toMatch(/^pairstream_log_lag_records\{group="embed-g1",topic="pairs"\} /m)

  await say('retired', 'g1')
  expect(await groups()).not.toContain('embed-g1')
  expect(await groups()).toContain('embed-g2')
  const metrics = await get('/metrics')
  expect(metrics).not.toContain('group="embed-g1"')
  expect(metrics).toContain('group="embed-g2"')
  expect(await get('/v1/status')).not.toContain('embed-g1')
})

it('asks only for the groups of this program, however many others use the log', async () => {
  const { log, catalogue } = await openedServices()
  const consumer = log.consume('count', { topics: ['pairs'], handle: async () => undefined })
  onTestFinished(() => consumer.stop())
  await log.append([{ topic: 'pairs', key: 'k', value: topicValues.pairs }])
  const unlisted: typeof log = { ...log, groups: () => Promise.reject(new Error('You may not list groups.')) }
  const lags = () => consumerLag(unlisted, catalogue)
  while ((await lags())[0]?.records !== 0) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(await lags()).toEqual([{ group: 'count', topic: 'pairs', records: 0 }])
})

it('counts what anybody publishes where the role count runs', async () => {
  const made = await openedServices()
  const roles = await startRoles(made, ['count'])
  onTestFinished(() => roles.stop())
  const { accepted } = await publishSource(scenesSource({ count: 4, seed: 3 }), made.publisher)
  const seen = async () => /^pairstream_pairs_published_total (\d+)$/m.exec(await made.metrics.text())?.[1]
  while ((await seen()) !== String(accepted)) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(accepted).toBeGreaterThan(0)
})

it('gives up, where the role count runs, what only it judges, and tells of that group by topic and as a whole', async () => {
  const made = await openedServices()
  const { log, catalogue } = made
  const record = { topic: 'erasures', key: 'poison', value: topicValues.erasures } as const
  await log.append([record])
  spoil({ folder: made.config.DATA_DIR }, 'erasures', 'poison')
  const roles = await startRoles(made, ['count'])
  onTestFinished(() => roles.stop())
  while ((await log.dead('erasures')).length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  expect((await log.dead('erasures')).map(({ headers }) => headers['group'])).toEqual(['judge'])
  await roles.stop()
  await log.append([record, { topic: 'releases', key: 'r', value: topicValues.releases }])
  const lags = (await consumerLag(log, catalogue)).filter(({ group }) => group === 'judge')
  expect(new Map(lags.map(({ topic, records }) => [topic, records]))).toEqual(
    new Map([
      ['pairs.indexed', 0],
      ['releases', 1],
      ['erasures', 1],
      ['judgements', 0],
      ['rerankers', 0],
      ['queries', 0],
      ['feedback', 0],
      ['audit', 0],
    ]),
  )
  expect(lagByGroup(lags)).toEqual({ judge: 2 })
})
