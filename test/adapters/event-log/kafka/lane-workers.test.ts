import { expect, it, onTestFinished, vi } from 'vitest'
import { createLane } from '../../../../src/adapters/event-log/kafka/lane.ts'
import { startLaneWorkers } from '../../../../src/adapters/event-log/kafka/lane-workers.ts'
import { promise } from '../../../fixtures/log-consumers.ts'

it('ends a pause when its time is over, also where a clock says that some of it is left', async () => {
  const lane = createLane('pairs', 'pairs', 0, 0)
  lane.add([{ offset: 0, timestamp: 0, key: null, value: null, headers: new Map() }], 1)
  const [begun, mayEnd] = [promise(), promise()]
  const workers = startLaneWorkers({
    options: {
      topics: ['pairs'],
      handle: async () => {
        begun.resolve()
        await mayEnd.promise
      },
    },
    lanes: () => [lane],
    decode: async () => [],
    advance: async () => undefined,
    onTaken: () => undefined,
  })
  await begun.promise
  vi.useFakeTimers({ toFake: ['setTimeout'] }) // the clock stands still beside them
  onTestFinished(() => void vi.useRealTimers())
  const paused = workers.pause(60_000)
  vi.advanceTimersByTime(60_000)
  await expect(paused).resolves.toBeUndefined()
  mayEnd.resolve()
  workers.stop()
  await workers.done
})
