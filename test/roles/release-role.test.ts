import { expect, it, onTestFinished } from 'vitest'
import { createReleaseLog } from '../../src/consumers/release-log.ts'
import { AppError } from '../../src/core/errors.ts'
import { imageBlobKey } from '../../src/core/pair-record.ts'
import { startReleaseRole } from '../../src/roles/release-role.ts'
import type { Services } from '../../src/roles/services.ts'
import { model } from '../consumers/release-harness.ts'
import { createWordEncoder } from '../consumers/word-encoder.ts'
import { pairEvent, pairRecord } from '../fixtures/pair-events.ts'
import { openedServices } from './opened-services.ts'

/** Runs the role until the newest release record is in this state. */
async function runUntil(services: Services, state: string): Promise<void> {
  const role = startReleaseRole(services, {})
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (services.catalogue.releases().at(-1)?.state === state) resolve()
    }
    onTestFinished(services.catalogue.onReleaseChange(look))
    look()
  })
  await role.stop()
}

it('carries releases on though a version is missing in the tracking store', async () => {
  const services = await openedServices()
  const { log, catalogue } = services
  await log.append([model('m1')])
  await catalogue.caughtUp(log)
  const draft = { follows: null, state: 'building', modelVersion: 'm1', generation: 'g1' } as const
  await createReleaseLog(services).append({ ...draft, reason: 'better', evidence: null })
  // Its files are missing, so the keeper gives the build up.
  await runUntil(services, 'retired')
})

/** Adds pictures to judge a model on, and the trained model `m1`. */
async function withModel(services: Services): Promise<void> {
  const { log, blobs, catalogue } = services
  for (let index = 0; index < 20; index++) {
    const text = `picture number ${index}`
    const value = pairEvent(text, text, { split: 'validation' })
    await blobs.put(imageBlobKey(value.imageId), Buffer.from(text))
    await log.append([{ ...pairRecord(text, text), value }])
  }
  await log.append([model('m1')])
  await catalogue.caughtUp(log)
}

it('decides on a model whose run is missing in the tracking store', async () => {
  const services = await openedServices()
  await withModel(services)
  const encoders = { ...services.encoders, open: async () => createWordEncoder('m1') }
  await runUntil({ ...services, encoders }, 'building')
  expect(await services.log.dead('models.trained')).toEqual([])
})

it('judges a model once though the tracking store is away', async () => {
  const services = await openedServices()
  await withModel(services)
  let judged = 0
  const count = (images: number) => (judged += images)
  const encoders = { ...services.encoders, open: async () => createWordEncoder('m1', count) }
  const away = () => Promise.reject(new AppError('tracking-unavailable', 'It is away.'))
  const tracking = { ...services.tracking, logMetrics: away, aliases: away, versions: away }
  await runUntil({ ...services, encoders, tracking }, 'building')
  expect(judged).toBe(20)
})
