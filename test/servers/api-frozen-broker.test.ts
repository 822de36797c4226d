import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { openPlatform } from '../../src/bootstrap.ts'
import { loadConfig } from '../../src/config.ts'
import { createServices } from '../../src/roles/services.ts'
import { startRoles } from '../../src/roles/start-roles.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { startProxiedBroker, type ProxiedBroker } from './proxied-broker.ts'

let server: ProxiedBroker

beforeAll(async () => {
  server = await startProxiedBroker()
})
afterAll(() => server.close())

/** What a kubelet waits for a probe, in milliseconds. */
const PROBE = 5_000

it('answers probes, scrapes and searches in time behind a broker that hangs, and can be stopped', async () => {
  const config = loadConfig({
    DATA_DIR: join(server.folder, 'data'),
    LOG_LEVEL: 'silent',
    PORT: '0',
    EVENT_LOG_URL: `kafka://${server.broker.address}`,
    SCHEMA_REGISTRY_URL: inject('servers').registry,
    KAFKA_PREFIX: 'frozen.',
    KAFKA_REPLICATION: '1',
    KAFKA_MIN_IN_SYNC: '1',
  })
  const platform = await openPlatform(config, 'own')
  const metrics = createMetrics({ processMetrics: false })
  const services = await createServices(platform, createLogger({ level: 'silent' }), metrics)
  const roles = await startRoles(services, ['api', 'count', 'erase'])
  const get = async (path: string) => {
    const response = await fetch(`${roles.address ?? ''}${path}`, { signal: AbortSignal.timeout(PROBE) })
    return { status: response.status, text: await response.text() }
  }
  expect(JSON.parse((await get('/health/ready')).text)).toMatchObject({ reasons: ['no-model'], missing: [] })
  server.proxy.freeze()
  const [ready, scraped, found] = await Promise.all(
    ['/health/ready', '/metrics', '/v1/search?mode=text&q=a+dog'].map((path) => get(path)),
  )
  expect(JSON.parse(ready?.text ?? '')).toMatchObject({ reasons: ['no-model'], missing: ['log-unavailable'] })
  expect([scraped?.status, found?.status]).toEqual([200, 200])
  const begun = performance.now()
  await roles.stop()
  await services.closeServices()
  await platform.close()
  expect(performance.now() - begun).toBeLessThan(10_000)
}, 60_000)
