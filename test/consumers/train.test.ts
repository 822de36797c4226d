import { describe, expect, it } from 'vitest'
import { createTrainHandler, type TrainDependencies } from '../../src/consumers/train.ts'
import { AppError } from '../../src/core/errors.ts'
import type { RetrainingRequested } from '../../src/core/events.ts'
import { modelVersionOf, requestIdOf } from '../../src/core/ids.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { platform, type Platform } from './consumer-harness.ts'
import { spoil } from './poison.ts'

const firstId = requestIdOf(null, 'manual')
const secondId = requestIdOf(firstId, 'manual')
const thirdId = requestIdOf(secondId, 'manual')

const request = (requestId: string) => {
  const value: RetrainingRequested = {
    requestId,
    previousRequestId: null,
    reason: 'manual',
    dataSetSize: 10,
    newPairs: 1,
    threshold: 0.1,
    snapshot: 'snapshots/none',
    requestedBy: 'test',
    requestedAt: 1,
  }
  return { topic: 'retraining.requested', key: requestId, value } as const
}

const training = (made: Platform, train: TrainDependencies['train'], onEnded?: TrainDependencies['onEnded']) =>
  createTrainHandler({ ...made, train, ...(onEnded === undefined ? {} : { onEnded }) })

const answers = async (made: Platform) => {
  await made.passed('train', 'retraining.requested')
  await made.catalogue.caughtUp(made.log)
  return made.catalogue.models().map(({ requestId, outcome }) => [requestId, outcome])
}

describe('the train consumer', () => {
  it('answers a request with a model whose version follows from the request', async () => {
    const made = await platform()
    await made.log.append([request(firstId)])
    const trained = { manifest: 'manifests/a.json', parent: 'm-before', metrics: { loss: 0.5 } }
    made.start(training(made, async () => trained))
    expect(await answers(made)).toEqual([[firstId, 'trained']])
    expect(made.catalogue.model(modelVersionOf(firstId))).toMatchObject({
      manifest: 'manifests/a.json',
      metrics: { loss: 0.5 },
      parent: 'm-before',
      detail: null,
    })
  })

  it('trains on the newest of those that wait, and calls the others superseded', async () => {
    const made = await platform()
    await made.log.append([request(firstId), request(secondId), request(thirdId)])
    const trained: string[] = []
    const ended: string[] = []
    const train: TrainDependencies['train'] = async ({ requestId }) => {
      trained.push(requestId)
      return { manifest: 'manifests/a.json', parent: null, metrics: {} }
    }
    made.start(training(made, train, (_, outcome) => ended.push(outcome)))
    expect(await answers(made)).toEqual([
      [firstId, 'superseded'],
      [secondId, 'superseded'],
      [thirdId, 'trained'],
    ])
    expect(trained).toEqual([thirdId])
    expect(ended).toEqual(['superseded', 'superseded', 'trained'])
  })

  it('finishes a training although a newer request came meanwhile', async () => {
    const made = await platform()
    const started = promise()
    const finish = promise()
    await made.log.append([request(firstId)])
    const train = async () => {
      started.resolve()
      await finish.promise
      return { manifest: 'manifests/a.json', parent: null, metrics: {} }
    }
    made.start(training(made, train))
    await started.promise
    await made.log.append([request(secondId)])
    finish.resolve()
    expect(await answers(made)).toEqual([
      [firstId, 'trained'],
      [secondId, 'trained'],
    ])
  })

  it('removes what was written for a training once its answer is in the log, whatever it says', async () => {
    const made = await platform()
    await made.log.append([request(firstId), request(secondId)])
    const answered: number[] = []
    const changes = {
      async removeTrainingData() {
        answered.push((await made.log.endOffsets('models.trained')).get(0) ?? 0)
      },
    }
    const train = async () => Promise.reject(new AppError('snapshot-incomplete', 'Two pictures are gone.'))
    made.start(training(made, train), {}, changes)
    expect((await answers(made)).map(([, outcome]) => outcome)).toEqual(['superseded', 'failed'])
    expect(answered).toEqual([1, 2])
  })

  it('says why a training failed, and goes on with the next', async () => {
    const made = await platform()
    await made.log.append([request(firstId)])
    made.start(
      training(made, async ({ requestId }) => {
        if (requestId === firstId) throw new AppError('snapshot-incomplete', 'Two pictures are gone.')
        return { manifest: 'manifests/b.json', parent: null, metrics: {} }
      }),
    )
    expect(await answers(made)).toEqual([[firstId, 'failed']])
    expect(made.catalogue.models()[0]?.detail).toBe('snapshot-incomplete: Two pictures are gone.')
    await made.log.append([request(secondId)])
    expect((await answers(made))[1]).toEqual([secondId, 'trained'])
    expect(await made.log.dead('retraining.requested')).toEqual([])
  })

  it('tries again while a dependency is away', async () => {
    const made = await platform()
    await made.log.append([request(firstId)])
    let attempts = 0
    made.start(
      training(made, async () => {
        if (++attempts < 8) throw new AppError('blob-store-unavailable', 'It is away.')
        return { manifest: 'manifests/a.json', parent: null, metrics: {} }
      }),
    )
    expect(await answers(made)).toEqual([[firstId, 'trained']])
    expect(attempts).toBe(8)
  })

  it('sends a request that cannot be decoded to the dead topic, and goes on with the next', async () => {
    const made = await platform()
    await made.log.append([request(firstId)])
    spoil(made, 'retraining.requested', firstId)
    await made.log.append([request(secondId)])
    made.start(training(made, async () => ({ manifest: 'manifests/a.json', parent: null, metrics: {} })))
    expect(await answers(made)).toEqual([[secondId, 'trained']])
    const dead = await made.log.dead('retraining.requested')
    expect(dead.map(({ key, headers }) => [key, headers['cause']])).toEqual([[firstId, 'record-unreadable']])
  })

  it('does not train again what is answered, when it did not get as far as the commit', async () => {
    const made = await platform()
    await made.log.append([request(firstId)])
    let trainings = 0
    const train = async () => ({ manifest: `manifests/${++trainings}.json`, parent: null, metrics: {} })
    const handler = training(made, train)
    made.start(handler)
    await answers(made)
    made.start({ ...handler, group: 'train again' })
    await made.passed('train again', 'retraining.requested')
    expect(trainings).toBe(1)
    expect((await made.log.endOffsets('models.trained')).get(0)).toBe(1)
    // What the training wrote is removed again: the first time may have been cut off.
    const modelVersion = modelVersionOf(firstId)
    expect(made.removedTrainingData).toEqual([modelVersion, modelVersion])
  })

  it('lets the first of two trainers win', async () => {
    const made = await platform()
    await made.log.append([request(firstId)])
    const both = promise()
    let running = 0
    const handler = training(made, async () => {
      if (++running === 2) both.resolve()
      await both.promise
      return { manifest: `manifests/${running}.json`, parent: null, metrics: {} }
    })
    made.start(handler)
    made.start({ ...handler, group: 'another trainer' })
    await made.passed('another trainer', 'retraining.requested')
    expect(await answers(made)).toEqual([[firstId, 'trained']])
    expect((await made.log.endOffsets('models.trained')).get(0)).toBe(2)
  })

  it('leaves the request to the next when it is stopped, and tells the training', async () => {
    const made = await platform()
    await made.log.append([request(firstId)])
    const started = promise()
    const stopped = made.start(
      training(made, async (_, __, signal) => {
        started.resolve()
        await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))))
        throw new Error('unreachable')
      }),
    )
    await started.promise
    await stopped.stop()
    expect(made.catalogue.models()).toEqual([])
    made.start(training(made, async () => ({ manifest: 'manifests/a.json', parent: null, metrics: {} })))
    expect(await answers(made)).toEqual([[firstId, 'trained']])
  })
})
