import { expect, it, onTestFinished } from 'vitest'
import { openPlatform } from '../../src/bootstrap.ts'
import { loadConfig } from '../../src/config.ts'
import { createReleaseLog } from '../../src/consumers/release-log.ts'
import { embedGroup } from '../../src/core/consumer-groups.ts'
import { scenesSource } from '../../src/producers/scenes/scenes-source.ts'
import { publishSource } from '../../src/producers/publish-source.ts'
import { consumerLag } from '../../src/roles/lag.ts'
import { createServices } from '../../src/roles/services.ts'
import { startRoles } from '../../src/roles/start-roles.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

async function services() {
  const config = loadConfig({}, { DATA_DIR: await temporaryFolder(), LOG_LEVEL: 'silent', PORT: 0 })
  const platform = await openPlatform(config, 'own')
  const made = await createServices(
    platform,
    createLogger({ level: 'silent' }),
    createMetrics({ processMetrics: false }),
  )
  onTestFinished(async () => {
    await made.closeServices()
    await platform.close()
  })
  return made
}

it('tells of the generations that are kept up to date, and no longer of one that is retired', async () => {
  const made = await services()
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

it('counts what anybody publishes where the role count runs', async () => {
  const made = await services()
  const roles = await startRoles(made, ['count'])
  onTestFinished(() => roles.stop())
  const { accepted } = await publishSource(scenesSource({ count: 4, seed: 3 }), made.publisher)
  const seen = async () => /^pairstream_pairs_published_total (\d+)$/m.exec(await made.metrics.text())?.[1]
  while ((await seen()) !== String(accepted)) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(accepted).toBeGreaterThan(0)
})
