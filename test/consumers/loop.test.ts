import { describe, expect, it } from 'vitest'
import { startLoop } from '../../src/consumers/loop.ts'
import { AppError } from '../../src/core/errors.ts'
import { promise } from '../fixtures/log-consumers.ts'

const NEVER = 3_600_000

describe('a loop', () => {
  it('steps at once while there is something to do, then rests until it is woken', async () => {
    let wake: () => void = () => undefined
    let steps = 0
    let rested = promise()
    const loop = startLoop({
      async step() {
        steps++
        if (steps < 5) return true
        rested.resolve()
        return false
      },
      interval: NEVER,
      onWake(listener) {
        wake = listener
        return () => (wake = () => undefined)
      },
      onError: () => undefined,
    })
    await rested.promise
    expect(steps).toBe(5)
    for (let i = 6; i < 9; i++) {
      rested = promise()
      wake()
      await rested.promise
      expect(steps).toBe(i)
    }
    await loop.stop()
    wake()
    expect(steps).toBe(8)
  })

  it('misses no call that comes during a step', async () => {
    let wake: () => void = () => undefined
    let steps = 0
    const twice = promise()
    const loop = startLoop({
      async step() {
        if (++steps === 1) wake()
        else twice.resolve()
        return false
      },
      interval: NEVER,
      onWake(listener) {
        wake = listener
        queueMicrotask(listener)
        return () => undefined
      },
      onError: () => undefined,
    })
    await twice.promise
    await loop.stop()
  })

  it('reports a step that fails and tries again after the interval', async () => {
    const errors: unknown[] = []
    const again = promise()
    let steps = 0
    const loop = startLoop({
      async step() {
        if (++steps < 3) throw new Error(`failure ${steps}`)
        again.resolve()
        return false
      },
      interval: 1,
      onWake: () => () => undefined,
      onError: (error) => errors.push(error),
    })
    await again.promise
    await loop.stop()
    expect(errors.map(String)).toEqual(['Error: failure 1', 'Error: failure 2'])
  })

  it('lets the step in hand finish when it is stopped', async () => {
    const started = promise()
    const finish = promise()
    let finished = false
    const loop = startLoop({
      async step() {
        started.resolve()
        await finish.promise
        finished = true
        return true
      },
      interval: NEVER,
      onWake: () => () => undefined,
      onError: () => undefined,
    })
    await started.promise
    const stopped = loop.stop()
    finish.resolve()
    await stopped
    expect(finished).toBe(true)
  })

  it('tells the step in hand of a stop, and nobody of what that then leaves undone', async () => {
    const stopInStep = async (thrown: Error): Promise<unknown[]> => {
      const errors: unknown[] = []
      const started = promise()
      const loop = startLoop({
        step: (signal) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(thrown))
            started.resolve()
          }),
        interval: NEVER,
        onWake: () => () => undefined,
        onError: (error) => errors.push(error),
      })
      await started.promise
      await loop.stop()
      return errors
    }
    expect(await stopInStep(new AppError('not-ready', 'Stopped.'))).toEqual([])
    const broken = new Error('not because of the stop')
    expect(await stopInStep(broken)).toEqual([broken])
  })
})
