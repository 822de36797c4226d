import { expect, it, onTestFinished, vi } from 'vitest'
import { AppError } from '../../src/core/errors.ts'
import { startEvaluationReports } from '../../src/roles/evaluation-reports.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { openedServices } from './opened-services.ts'

it('shows the newest evaluation of a model once the tracking store is back, and passes over what it refuses', async () => {
  const { tracking } = await openedServices()
  await tracking.startRun({ runId: 'm2', experiment: 'e', name: 'm2', parameters: {}, startedAt: 1 })
  const lines: string[] = []
  const logger = createLogger({ level: 'warn', stream: { write: (line) => void lines.push(line) } })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const [refused, shown] = [promise(), promise()]
  let isAway = true
  let now = 0
  const reports = startEvaluationReports({
    logger,
    clock: () => ++now,
    tracking: {
      ...tracking,
      async logMetrics(...values) {
        if (isAway) {
          refused.resolve()
          throw new AppError('tracking-unavailable', 'It is away.')
        }
        await tracking.logMetrics(...values)
        if (values[0] === 'm2') shown.resolve()
      },
    },
  })
  reports.show('unknown', { recall: 0.25 })
  reports.show('m2', { recall: 0.25 })
  await refused.promise
  reports.show('m2', { recall: 0.5 })
  isAway = false
  await vi.advanceTimersByTimeAsync(60_000)
  await shown.promise
  vi.useRealTimers()
  await reports.stop()
  expect((await tracking.run('m2'))?.metrics['recall']).toEqual([{ step: 0, value: 0.5, at: 3 }])
  expect(lines.filter((line) => line.includes('tried again')).length).toBeGreaterThan(0)
  expect(lines.filter((line) => line.includes('is in no run'))).toHaveLength(1)
})
