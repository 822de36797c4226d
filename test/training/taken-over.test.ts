import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { modelVersionOf, pairKey, releaseIdOf } from '../../src/core/ids.ts'
import { publishSource } from '../../src/producers/publish-source.ts'
import { scenesSource } from '../../src/producers/scenes/scenes-source.ts'
import { requestRetraining } from '../../src/roles/commands.ts'
import type { Services } from '../../src/roles/services.ts'
import { createJobFolders } from '../../src/training/job-folders.ts'
import { createStoredCheckpoints } from '../../src/training/stored-checkpoints.ts'
import { createRequestTrainer } from '../../src/training/train-request.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { topicValues } from '../fixtures/topic-values.ts'
import { openedServices } from '../roles/opened-services.ts'

/** Machines with a data folder each over one log and one blob store. */
async function machines() {
  const shared = await temporaryFolder()
  return () =>
    openedServices({ EVENT_LOG_URL: `sqlite:${join(shared, 'log.db')}`, BLOB_URL: `file:${join(shared, 'blobs')}` })
}

type Request = Awaited<ReturnType<typeof requestRetraining>>

/** Trains on a machine; the epochs that it went through. A checkpoint is stored as soon as there is one. */
async function train(services: Services, request: Request, signal = new AbortController().signal) {
  const { blobs, config } = services
  const failures: unknown[] = []
  const checkpoints = createStoredCheckpoints({ blobs, between: 0, onFailed: (error) => failures.push(error) })
  const epochs: number[] = []
  const training = createRequestTrainer({
    ...services,
    jobFolders: createJobFolders(config.trainingFolder, checkpoints, services),
    start: 'champion',
    seed: 1,
    threads: 1,
    maximumEpochs: 4,
    events: {
      onProgress(_, progress) {
        if (progress.developmentRecall !== undefined) epochs.push(progress.epoch)
      },
    },
  })(request, modelVersionOf(request.requestId), signal)
  const trained = await training
  expect(failures).toEqual([])
  return { files: (await services.models.manifest(trained.manifest)).files, epochs }
}

/** The epoch in which a checkpoint was saved. */
function epochOf(checkpoint: Uint8Array): number {
  const bytes = Buffer.from(checkpoint)
  const header = bytes.toString('utf8', 8, 8 + Number(bytes.readBigUInt64LE(0)))
  const { __metadata__ } = JSON.parse(header) as { __metadata__: { note: string } }
  return (JSON.parse(__metadata__.note) as { epoch: number }).epoch
}

/** Trains, and is cut off once a checkpoint of that epoch, the third unless told, is stored. */
async function trainUntilCutOff(services: Services, request: Request, epoch = 3): Promise<void> {
  const killed = new AbortController()
  const put = services.blobs.put
  const blobs = {
    ...services.blobs,
    async put(key: string, bytes: Uint8Array) {
      await put(key, bytes)
      if (key.startsWith('checkpoints/') && epochOf(bytes) >= epoch) killed.abort(new Error('killed'))
    },
  }
  await expect(train({ ...services, blobs }, request, killed.signal)).rejects.toThrow()
}

const storedCheckpoints = async ({ blobs }: Services): Promise<string[]> => {
  const keys: string[] = []
  for await (const { key } of blobs.list('checkpoints/')) keys.push(key)
  return keys
}

/** A first model, which serves, so that what a training starts from lies in each machine's own folder. */
async function released(services: Services): Promise<void> {
  const { catalogue, log } = services
  const request = await requestRetraining(services, 'manual', 'test')
  const { requestId } = request
  const modelVersion = modelVersionOf(requestId)
  const trained = await createRequestTrainer({ ...services, start: 'scratch', seed: 2, threads: 1, maximumEpochs: 1, events: {} })(request, modelVersion, new AbortController().signal) // prettier-ignore
  const answer = { ...topicValues['models.trained'], requestId, modelVersion, outcome: 'trained', ...trained }
  const releaseId = releaseIdOf(null, 'promoted', modelVersion)
  const release = { releaseId, follows: null, state: 'promoted', modelVersion, generation: 'g1' } as const
  const value = { ...release, reason: 'first', evidence: null, decidedAt: Date.now() }
  await log.append([{ topic: 'models.trained', key: modelVersion, value: answer }])
  await log.append([{ topic: 'releases', key: releaseId, value }])
  await catalogue.caughtUp(log)
}

it('goes on elsewhere from the last stored checkpoint, to the weights of an uninterrupted run', async () => {
  const start = await machines()
  const first = await start()
  await publishSource(scenesSource({ count: 120, seed: 5 }), first.publisher)
  await released(first)
  const request = await requestRetraining(first, 'manual', 'test')
  await trainUntilCutOff(first, request)
  await rm(first.config.trainingFolder, { recursive: true })
  expect(await storedCheckpoints(first)).toHaveLength(1)

  const second = await start()
  const takenOver = await train(second, request)
  expect(takenOver.epochs[0]).toBeGreaterThan(1)
  await second.jobFolders.remove(modelVersionOf(request.requestId))
  expect(await storedCheckpoints(second)).toEqual([])
  const uninterrupted = await train(await start(), request)
  expect(uninterrupted.epochs[0]).toBe(1)
  expect(takenOver.files).toEqual(uninterrupted.files)
}, 120_000)

it('goes on from the later checkpoint where there are two, whichever of them is the stored one', async () => {
  const start = await machines()
  const first = await start()
  await publishSource(scenesSource({ count: 120, seed: 5 }), first.publisher)
  const request = await requestRetraining(first, 'manual', 'test')
  const key = `checkpoints/${modelVersionOf(request.requestId)}`
  await trainUntilCutOff(first, request, 2)
  const older = await first.blobs.get(key)
  const second = await start()
  await trainUntilCutOff(second, request, 3)
  expect((await train(first, request)).epochs[0]).toBeGreaterThan(2)

  await first.blobs.put(key, older ?? new Uint8Array())
  expect((await train(second, request)).epochs[0]).toBeGreaterThan(2)
}, 120_000)

it('does not go on from a checkpoint of data that were erased meanwhile', async () => {
  const start = await machines()
  const first = await start()
  const { catalogue, log, publisher } = first
  await publishSource(scenesSource({ count: 120, seed: 5 }), publisher)
  const request = await requestRetraining(first, 'manual', 'test')
  await trainUntilCutOff(first, request)
  const erased = [...catalogue.livePairs()].find(({ split }) => split === 'train')
  if (erased === undefined) throw new Error('no pair to erase')
  await log.append([{ topic: 'pairs', key: pairKey(erased.imageId, erased.pairId), value: null }])

  const second = await start()
  expect((await train(second, request)).epochs[0]).toBe(1)
}, 120_000)
