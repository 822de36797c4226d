import { expect, it, onTestFinished } from 'vitest'
import { startRoles } from '../../src/roles/start-roles.ts'
import { openedServices } from './opened-services.ts'

/** What kubelets wait for a probe, and most scrapers for their figures, in milliseconds. */
const PATIENCE = 5_000

it('answers in time what state it is in, and its metrics, while the log never answers', async () => {
  const services = await openedServices()
  let hangs = false
  const unlessHanging = <T>(ask: () => Promise<T>): Promise<T> => (hangs ? new Promise<never>(() => undefined) : ask())
  const { log: well } = services
  const log: typeof well = {
    ...well,
    endOffsets: (topic) => unlessHanging(() => well.endOffsets(topic)),
    committedOffsets: (group, topic) => unlessHanging(() => well.committedOffsets(group, topic)),
    groups: () => unlessHanging(() => well.groups()),
  }
  const roles = await startRoles({ ...services, log }, ['api'])
  onTestFinished(() => roles.stop())
  const get = async (path: string) => {
    const response = await fetch(`${roles.address ?? ''}${path}`, { signal: AbortSignal.timeout(PATIENCE) })
    return { status: response.status, text: await response.text() }
  }
  expect(JSON.parse((await get('/health/ready')).text)).toMatchObject({ reasons: ['no-model'], missing: [] })
  hangs = true
  const [ready, metrics, status] = await Promise.all([get('/health/ready'), get('/metrics'), get('/v1/status')])
  // What it would say without the log being away: that is no reason to send searches elsewhere.
  expect(JSON.parse(ready.text)).toMatchObject({ reasons: ['no-model'], missing: ['log-unavailable'] })
  expect(metrics).toMatchObject({ status: 200, text: expect.stringContaining('pairstream_') as string })
  expect(status.status).toBe(503)
})
