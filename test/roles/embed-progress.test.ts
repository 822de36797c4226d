import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { openPlatform } from '../../src/bootstrap.ts'
import { loadConfig } from '../../src/config.ts'
import { embedGroup, embedProgressGroup } from '../../src/core/consumer-groups.ts'
import { AppError } from '../../src/core/errors.ts'
import type { ReleaseState } from '../../src/core/events.ts'
import type { EventLog, Offsets } from '../../src/ports/event-log.ts'
import { reportEmbedProgress, startEmbedProgress } from '../../src/roles/embed-progress.ts'
import { startEmbedRole } from '../../src/roles/embed-role.ts'
import { consumerLag } from '../../src/roles/lag.ts'
import { createServices } from '../../src/roles/services.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { platform, type Platform } from '../consumers/consumer-harness.ts'
import { numbered } from '../fixtures/pair-events.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

const say = async ({ catalogue, releases }: Platform, state: ReleaseState, generation: string): Promise<void> => {
  const follows = catalogue.releases().at(-1)?.releaseId ?? null
  await releases.append({ follows, state, modelVersion: `m-${generation}`, generation, reason: '', evidence: null })
}

/** A log with something in each partition, and its ends. */
async function filled(): Promise<{ made: Platform; ends: Offsets }> {
  const made = await platform()
  for (let image = 0; [...(await made.log.endOffsets('pairs')).values()].includes(0); image++)
    await made.log.append(numbered(`image ${image}`, 4))
  return { made, ends: await made.log.endOffsets('pairs') }
}

const place = (made: Platform, generation: string, offsets: Iterable<readonly [number, number]>) =>
  made.log.seekGroup(embedGroup(generation), 'pairs', new Map(offsets))
const reported = async ({ log }: Platform) => new Map(await log.committedOffsets(embedProgressGroup, 'pairs'))
const fewer = (ends: Offsets, less: number) => [...ends].map(([partition, end]) => [partition, end - less] as const)

describe('the progress of embedding', () => {
  it('is that of the slowest live generation in each partition', async () => {
    const { made, ends } = await filled()
    await say(made, 'building', 'g1')
    await say(made, 'promoted', 'g1')
    await place(made, 'g1', fewer(ends, 1))
    await reportEmbedProgress(made)
    expect(await reported(made)).toEqual(new Map(fewer(ends, 1)))

    // A build has all pairs before it, also before its group has committed anything.
    await say(made, 'building', 'g2')
    await reportEmbedProgress(made)
    expect(await reported(made)).toEqual(new Map([...ends.keys()].map((partition) => [partition, 0])))
    await place(made, 'g2', [[0, ends.get(0) ?? 0], [1, 2]]) // prettier-ignore
    await reportEmbedProgress(made)
    expect(await reported(made)).toEqual(new Map([[0, (ends.get(0) ?? 0) - 1], [1, 2], [2, 0]])) // prettier-ignore

    await place(made, 'g2', ends)
    await say(made, 'promoted', 'g2')
    await say(made, 'retired', 'g1')
    await reportEmbedProgress(made)
    expect(await reported(made)).toEqual(ends)
  })

  it('is complete where no generation is live', async () => {
    const { made, ends } = await filled()
    await reportEmbedProgress(made)
    expect(await reported(made)).toEqual(ends)
  })

  it('is told by the role embed', async () => {
    const config = loadConfig({}, { DATA_DIR: await temporaryFolder(), LOG_LEVEL: 'silent' })
    const own = await openPlatform(config, 'own')
    const logger = createLogger({ level: 'silent' })
    const services = await createServices(own, logger, createMetrics({ processMetrics: false }))
    const role = await startEmbedRole(services)
    onTestFinished(async () => {
      await role.stop()
      await services.closeServices()
      await own.close()
    })
    await vi.waitUntil(async () => (await own.log.groups()).includes(embedProgressGroup), 10_000)
  })

  it('is written only where it has changed', async () => {
    const { made, ends } = await filled()
    await say(made, 'building', 'g1')
    const moves: Offsets[] = []
    const log: EventLog = {
      ...made.log,
      seekGroup: (group, topic, offsets) => {
        moves.push(offsets)
        return made.log.seekGroup(group, topic, offsets)
      },
    }
    const report = () => reportEmbedProgress({ catalogue: made.catalogue, log })
    await report()
    await report()
    await place(made, 'g1', [[1, 1]])
    await report()
    expect(moves).toEqual([new Map([...ends.keys()].map((partition) => [partition, 0])), new Map([[1, 1]])])
  })

  it('is the work of no group that somebody waits for', async () => {
    const { made, ends } = await filled()
    await say(made, 'building', 'g1')
    await place(made, 'g1', ends)
    await reportEmbedProgress(made)
    expect(await made.log.groups()).toEqual([embedProgressGroup, embedGroup('g1')])
    expect((await consumerLag(made.log, made.catalogue)).map(({ group }) => group)).toEqual([embedGroup('g1')])
  })

  it('disturbs nobody where it cannot be told, nor holds up the end', async () => {
    const made = await platform()
    const logger = createLogger({ level: 'silent' })
    const warn = vi.spyOn(logger, 'warn')
    const away: EventLog = {
      ...made.log,
      committedOffsets: () => Promise.reject(new AppError('log-unavailable', 'It is away.')),
    }
    const failing = startEmbedProgress({ ...made, logger, log: away })
    await vi.waitUntil(() => warn.mock.calls.length > 0, 10_000)
    await failing.stop()

    const silent: EventLog = { ...made.log, committedOffsets: () => new Promise(() => undefined) }
    await startEmbedProgress({ ...made, logger, log: silent }).stop()
  })
})
