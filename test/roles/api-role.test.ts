import { expect, it, onTestFinished } from 'vitest'
import { AppError } from '../../src/core/errors.ts'
import { startRoles } from '../../src/roles/start-roles.ts'
import { openedServices } from './opened-services.ts'

/** What kubelets wait for a probe, and most scrapers for their figures, in milliseconds. */
const PATIENCE = 5_000

it('answers in time what state it is in, and its metrics, while the log never answers', async () => {
  const services = await openedServices()
  let state: 'well' | 'hangs' | 'fails' = 'well'
  const asked = <T>(ask: () => Promise<T>): Promise<T> => {
    if (state === 'fails') return Promise.reject(new AppError('log-unavailable', 'Start it.'))
    return state === 'hangs' ? new Promise<never>(() => undefined) : ask()
  }
  const { log: well } = services
  const log: typeof well = {
    ...well,
    endOffsets: (topic) => asked(() => well.endOffsets(topic)),
    committedOffsets: (group, topic) => asked(() => well.committedOffsets(group, topic)),
  }
  const told: string[] = []
  const logger: typeof services.logger = Object.create(services.logger, {
    warn: { value: (_facts: object, message: string) => void told.push(message) },
  }) as typeof services.logger
  const roles = await startRoles({ ...services, log, logger }, ['api'])
  onTestFinished(() => roles.stop())
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`${roles.address ?? ''}${path}`, { method, signal: AbortSignal.timeout(PATIENCE) })
    return { status: response.status, text: await response.text() }
  }
  expect(JSON.parse((await get('/health/ready')).text)).toMatchObject({ reasons: ['no-model'], missing: [] })
  state = 'hangs'
  const [ready, metrics, status, retraining] = await Promise.all([
    get('/health/ready'),
    get('/metrics'),
    get('/v1/status'),
    get('/v1/retraining', 'POST'),
  ])
  // What it would say without the log being away: that is no reason to send searches elsewhere.
  expect(JSON.parse(ready.text)).toMatchObject({ reasons: ['no-model'], missing: ['log-unavailable'] })
  expect(metrics).toMatchObject({ status: 200, text: expect.stringContaining('pairstream_') as string })
  expect([status.status, retraining.status]).toEqual([503, 503])
  const isOfLag = (message: string): boolean => message.includes('behind')
  expect(told.filter(isOfLag)).toHaveLength(1)
  for (const next of ['fails', 'well', 'fails'] as const) {
    state = next
    await get('/metrics')
  }
  // Once for each time that it went.
  expect(told.filter(isOfLag)).toHaveLength(2)
})
