import { describe, expect, it, onTestFinished } from 'vitest'
import { createReleaseLog } from '../../src/consumers/release-log.ts'
import { imagePayload } from '../../src/consumers/image-payload.ts'
import { AppError } from '../../src/core/errors.ts'
import type { Calibration } from '../../src/core/relevance.ts'
import { LEAST_IMAGES } from '../../src/evaluation/relevance/calibrate.ts'
import { startCalibrationRole } from '../../src/roles/calibration-role.ts'
import { createCalibrationStore } from '../../src/roles/calibration-store.ts'
import { createServedCalibration } from '../../src/roles/served-calibration.ts'
import type { Services } from '../../src/roles/services.ts'
import { model } from '../consumers/release-harness.ts'
import { createWordEncoder, DIMENSION, vectorOf } from '../consumers/word-encoder.ts'
import { pairEvent, pairRecord } from '../fixtures/pair-events.ts'
import { openedServices } from './opened-services.ts'

/** Publishes held-out pictures, from number `from` on, and puts them into the generation `g1`. */
async function publish({ log, catalogue, index }: Services, count: number, from = 0): Promise<void> {
  for (let number = from; number < from + count; number++) {
    const text = `picture number ${number}`
    await log.append([{ ...pairRecord(text, text), value: pairEvent(text, text, { split: 'validation' }) }])
  }
  await catalogue.caughtUp(log)
  for (const imageId of catalogue.liveImageIds()) {
    const image = catalogue.image(imageId)
    if (image === null) continue
    const vector = vectorOf('m1', image.captions[0]?.caption ?? '')
    await index.upsert('g1', 'images', [{ id: imageId, vector, payload: imagePayload(image) }])
  }
}

/** Services whose release `m1` with the generation `g1` has so many held-out pictures. */
async function released(images: number): Promise<Services> {
  const services = await openedServices()
  await services.index.create('g1', DIMENSION)
  await services.log.append([model('m1')])
  await publish(services, images)
  await services.tracking.startRun({ runId: 'm1', experiment: 'e', name: 'm1', parameters: {}, startedAt: 1 })
  const encoders = { ...services.encoders, open: async () => createWordEncoder('m1') }
  return { ...services, encoders }
}

const serve = (services: Services) =>
  createReleaseLog(services).append({
    follows: services.catalogue.releases().at(-1)?.releaseId ?? null,
    state: 'promoted',
    modelVersion: 'm1',
    generation: 'g1',
    reason: 'better',
    evidence: null,
  })

/** The role, and what it puts into the store, in turn. */
function running(services: Services, works = true) {
  const put: Calibration[] = []
  const waiting: (() => void)[] = []
  const calibrations: Services['calibrations'] = {
    ...services.calibrations,
    async put(calibration) {
      await services.calibrations.put(calibration)
      put.push(calibration)
      for (const wake of waiting.splice(0)) wake()
    },
  }
  const role = startCalibrationRole(
    { ...services, calibrations },
    () => null,
    () => works,
  )
  onTestFinished(() => role.stop())
  const nextPut = () => new Promise<void>((resolve) => void waiting.push(resolve))
  return { role, put, nextPut }
}

describe('the fit of relevance', () => {
  it('is made for the release that serves, and its figures and plot are in the run of the model', async () => {
    const services = await released(80)
    const { put, nextPut, role } = running(services)
    const first = nextPut()
    await serve(services)
    await first
    await role.stop()
    expect(put).toMatchObject([{ modelVersion: 'm1', generation: 'g1', images: 80 }])
    expect(await services.calibrations.get('g1')).toEqual(put[0])
    const run = await services.tracking.run('m1')
    expect(run?.metrics['relevance_calibration_error']?.at(-1)?.value).toBe(put[0]?.report.calibrationError)
    const plot = await services.tracking.readArtefact('m1', 'reliability.svg')
    expect(new TextDecoder().decode(plot ?? new Uint8Array())).toContain('</svg>')
  })

  it('is made before a build takes over, and made again when the gallery has grown by a fifth', async () => {
    const services = await released(80)
    const { role, put } = running(services)
    const prepare = () => role.prepare('m1', 'g1', undefined)
    await prepare()
    await prepare()
    expect(put.map(({ images }) => images)).toEqual([80])
    await publish(services, 16, 80)
    await prepare()
    expect(put).toHaveLength(1)
    await publish(services, 1, 96)
    await prepare()
    expect(put.map(({ images }) => images)).toEqual([80, 97])
  })

  it('waits for held-out pictures, and keeps no switch from being made', async () => {
    const services = await released(LEAST_IMAGES - 1)
    const { role, put } = running(services)
    await role.prepare('m1', 'g1', undefined)
    expect(put).toEqual([])
    await publish(services, LEAST_IMAGES, LEAST_IMAGES)
    const away = () => Promise.reject(new AppError('index-unavailable', 'It is away.'))
    const broken = running({ ...services, index: { ...services.index, search: away } })
    await broken.role.prepare('m1', 'g1', undefined)
    expect(broken.put).toEqual([])
    await role.prepare('m1', 'g1', undefined)
    expect(put).toHaveLength(1)
  })

  it('is left to the process that decides, and goes with its generation', async () => {
    const services = await released(80)
    const idle = running(services, false)
    await serve(services)
    const { put, nextPut } = running(services)
    const first = nextPut()
    await first
    expect(put).toHaveLength(1)
    expect(idle.put).toEqual([])
    const [fitted] = put
    if (fitted === undefined) return expect.fail('nothing was fitted')
    await services.calibrations.put({ ...fitted, generation: 'g0' })
    await services.calibrations.keep(new Set(['g1']))
    expect(await services.calibrations.putAt('g0')).toBeNull()
    expect(await services.calibrations.get('g1')).toEqual(fitted)
  })
})

describe('the calibration that searches go by', () => {
  it('is that of the generation that serves, as it was fitted last', async () => {
    const services = await released(80)
    const { role, put } = running(services)
    await role.prepare('m1', 'g1', undefined)
    const [fitted] = put
    if (fitted === undefined) return expect.fail('nothing was fitted')
    const served = createServedCalibration(services.calibrations)
    expect(served.of('g1')).toBeNull()
    const errors: unknown[] = []
    const following = await served.start(
      () => 'g1',
      (error) => errors.push(error),
    )
    await following.stop()
    expect(served.of('g1')).toEqual(fitted)
    expect(served.of('g2')).toBeNull()
    expect(errors).toEqual([])
  })

  it('is none where it cannot be read, and searches do not wait for a store that is away', async () => {
    const services = await released(1)
    await services.blobs.put('calibrations/g1.json', new TextEncoder().encode('{"model":'))
    expect(await createCalibrationStore(services.blobs).get('g1')).toBeNull()
    const info = () => Promise.reject(new AppError('blob-store-unavailable', 'It is away.'))
    const served = createServedCalibration(createCalibrationStore({ ...services.blobs, info }))
    const errors: unknown[] = []
    const following = await served.start(
      () => 'g1',
      (error) => errors.push(error),
    )
    await following.stop()
    expect(served.of('g1')).toBeNull()
    expect(errors.length).toBeGreaterThan(0)
  })
})
