import { setTimeout as delay } from 'node:timers/promises'
import type { Platform } from '../../src/bootstrap.ts'
import { createCountHandler } from '../../src/consumers/count.ts'
import { applyEffects, type EffectPorts } from '../../src/consumers/effects.ts'
import { createEmbedHandler } from '../../src/consumers/embed.ts'
import { embedGroup } from '../../src/core/consumer-groups.ts'
import { createEraseHandler } from '../../src/consumers/erase.ts'
import { createGenerations } from '../../src/consumers/generations.ts'
import { startLoop } from '../../src/consumers/loop.ts'
import { createReleaseKeeper } from '../../src/consumers/release-keeper.ts'
import { createReleaseLog } from '../../src/consumers/release-log.ts'
import { defaultWatchLimits, nothingSeen } from '../../src/consumers/release-watch.ts'
import { run } from '../../src/consumers/runner.ts'
import { sweepBlobs, sweepIndex } from '../../src/consumers/sweep.ts'
import { nextGeneration, viewReleases } from '../../src/core/release-chain.ts'
import { noFiles } from '../fixtures/no-files.ts'
import { createTinyEncoder } from './tiny-encoder.ts'

const HOUR = 3_600_000
/** Longer than a publication can take: past ten seconds it is refused. */
const BLOB_GRACE = 12_000
const policy = { attempts: 5, firstWait: 20, longestWait: 200 }

export type LifeConsumers = {
  readonly failed: Promise<unknown>
  /** Keeps announcing the next release as soon as the one before serves. */
  releaseWithoutEnd(): void
  /** Resolves once nothing is left to do. */
  settled(): Promise<void>
  stop(): Promise<void>
}

/** The consumers of the program over its drivers, with short times, so that every turn of a release fits in a short life. */
export function startConsumers(platform: Platform): LifeConsumers {
  const { catalogue, log, index, blobs, clock, config } = platform
  const partitions = config.PARTITIONS
  const ports: EffectPorts = { log, index, blobs, clock, ...noFiles }
  const options = { log, ports, policy }
  const upkeep = { ...platform, blobGrace: BLOB_GRACE }
  const settings = { threshold: config.RETRAIN_THRESHOLD, firstTrainingPairs: config.FIRST_TRAINING_PAIRS }
  let fail: (error: unknown) => void = () => undefined
  const broken = new Promise<never>((_, reject) => (fail = reject))
  broken.catch(() => undefined)

  const consumers = [
    run(createCountHandler({ ...platform, settings, partitions }), options),
    run(createEraseHandler(upkeep), options),
  ]
  const generations = createGenerations({
    ...platform,
    openEncoder: async (modelVersion) => createTinyEncoder(modelVersion),
    startEmbedding: (generation, encoder) =>
      run(createEmbedHandler({ ...platform, generation, encoder, partitions, batch: 8 }), options),
    retirementDelay: 300,
  })
  const releases = createReleaseLog(platform)
  const keeper = createReleaseKeeper({
    ...platform,
    releases,
    observe: async () => nothingSeen,
    modelProblem: async () => null,
    limits: defaultWatchLimits,
    probation: 0,
    watchInterval: 50,
  })
  const sweep = async (): Promise<boolean> => {
    for await (const removal of sweepIndex(upkeep)) await applyEffects(removal, ports)
    await applyEffects(await sweepBlobs(upkeep), ports)
    // As of two hours from now, so that what a later record supersedes is compacted while all this goes on.
    await log.maintain(clock() + 2 * HOUR)
    return false
  }
  const onWake = (wake: () => void) => catalogue.onReleaseChange(wake)
  const loops = [
    startLoop({ step: generations.step, interval: 100, onWake, onError: fail }),
    startLoop({ step: keeper.step, interval: 50, onWake, onError: fail }),
    startLoop({ step: sweep, interval: 300, onWake: () => () => undefined, onError: fail }),
  ]

  const announce = async (): Promise<boolean> => {
    const chain = catalogue.releases()
    const { head, build, onProbation, live } = viewReleases(chain)
    if (build !== null || onProbation || live.size > 1) return false
    const generation = nextGeneration(chain, 'manifests/a.json')
    const draft = { follows: head, state: 'building', modelVersion: `model of ${generation}`, generation } as const
    await releases.append({ ...draft, reason: 'It is the next.', evidence: null })
    return true
  }

  const isSettled = async (): Promise<boolean> => {
    const { build, live, onProbation } = viewReleases(catalogue.releases())
    if (build !== null || onProbation || live.size > 1 || !(await catalogue.isCaughtUp(log))) return false
    const ends = await log.endOffsets('pairs')
    for (const group of ['count', 'erase', ...[...live.keys()].map(embedGroup)]) {
      const committed = await log.committedOffsets(group, 'pairs')
      if ([...ends].some(([partition, end]) => (committed.get(partition) ?? 0) < end)) return false
    }
    return (await index.generations()).length <= live.size
  }

  return {
    failed: Promise.race([broken, generations.failed, ...consumers.map(({ done }) => done)]),
    releaseWithoutEnd() {
      loops.push(startLoop({ step: announce, interval: 50, onWake, onError: fail }))
    },
    async settled() {
      if (viewReleases(catalogue.releases()).serving === null) await announce()
      while (!(await isSettled())) await delay(20)
      await sweep()
    },
    async stop() {
      for (const loop of loops) await loop.stop()
      await generations.stop()
      for (const consumer of consumers) await consumer.stop()
    },
  }
}
