import { EventEmitter, once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { startSchedule } from '../../src/producers/schedule.ts'

const fail = (error: unknown): never => {
  throw error
}
const nothing = (): Promise<void> => Promise.resolve()

describe('startSchedule', () => {
  it.each(['every day', '61 * * * *', '* * *', '', '0 0 31 2 *'])('refuses %j', (cron) => {
    expect(() => startSchedule(cron, nothing, () => undefined)).toThrow(
      expect.objectContaining({ code: 'configuration-invalid' }) as Error,
    )
  })

  it('runs at its times, one run at once, and reports what a run throws', async () => {
    let running = 0
    let runs = 0
    let ticks = 0
    const failures: unknown[] = []
    const events = new EventEmitter()
    const clock = startSchedule('* * * * * *', async () => void events.emit('tick', (ticks += 1)), fail)
    const schedule = startSchedule(
      '* * * * * *',
      async () => {
        running += 1
        runs += 1
        expect(running).toBe(1)
        // The first run outlasts the time of the next.
        for (const end = ticks + 2; runs === 1 && ticks < end;) await once(events, 'tick')
        running -= 1
        events.emit(`run ${runs}`)
        throw new Error(`run ${runs}`)
      },
      (error) => failures.push(error),
    )
    expect(schedule.next()).toBeGreaterThan(Date.now() - 1_000)
    await once(events, 'run 2')
    await schedule.stop()
    await clock.stop()
    expect(failures).toEqual([new Error('run 1'), new Error('run 2')])
    expect(schedule.next()).toBeNull()
  })
})
