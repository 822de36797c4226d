import { expect, it, onTestFinished, vi } from 'vitest'
import { openPlatform } from '../../src/bootstrap.ts'
import { loadConfig } from '../../src/config.ts'
import { createReleaseLog } from '../../src/consumers/release-log.ts'
import { createServing } from '../../src/api/serving.ts'
import { AppError } from '../../src/core/errors.ts'
import { createServices } from '../../src/roles/services.ts'
import { startServingRole } from '../../src/roles/serving-role.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { model } from '../consumers/release-harness.ts'
import { createWordEncoder } from '../consumers/word-encoder.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

it('serves a release whose recall cannot be read or is not known yet, and asks for the recall again', async () => {
  const config = loadConfig({}, { DATA_DIR: await temporaryFolder() })
  const platform = await openPlatform(config, 'own')
  const lines: string[] = []
  const logger = createLogger({ level: 'warn', stream: { write: (line) => void lines.push(line) } })
  const services = await createServices(platform, logger, createMetrics({ processMetrics: false }))
  const { log, catalogue, tracking, metrics } = services
  await log.append([model('m1')])
  await catalogue.caughtUp(log)
  const draft = { follows: null, state: 'promoted', modelVersion: 'm1', generation: 'g1' } as const
  await createReleaseLog(services).append({ ...draft, reason: 'better', evidence: null })
  await tracking.startRun({ runId: 'm1', experiment: 'e', name: 'm1', parameters: {}, startedAt: 1 })

  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const refused = promise()
  const unknown = promise()
  const answered = promise()
  let isAway = true
  const role = await startServingRole({
    ...services,
    serving: createServing({ openEncoder: async (modelVersion) => createWordEncoder(modelVersion) }),
    tracking: {
      ...tracking,
      async run(runId) {
        if (isAway) {
          isAway = false
          refused.resolve()
          throw new AppError('tracking-unavailable', 'It is away.')
        }
        const run = await tracking.run(runId)
        if (run?.metrics['text_to_image_success_10'] === undefined) unknown.resolve()
        else answered.resolve()
        return run
      },
    },
  })
  await refused.promise
  await vi.advanceTimersByTimeAsync(60_000)
  await unknown.promise
  await tracking.logMetrics('m1', 0, { text_to_image_success_10: 0.625 }, 1)
  await vi.advanceTimersByTimeAsync(60_000)
  await answered.promise
  vi.useRealTimers()
  await role.stop()
  expect(await metrics.text()).toContain('pairstream_champion_validation_recall_ratio{k="10"} 0.625')
  expect(lines.filter((line) => line.includes('cannot be served'))).toEqual([])
  expect(lines.filter((line) => line.includes('recall'))).toHaveLength(1)
  await services.closeServices()
  await platform.close()
})
