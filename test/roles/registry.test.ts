import { describe, expect, it, onTestFinished } from 'vitest'
import { createFileTracking } from '../../src/adapters/tracking/files.ts'
import { AppError } from '../../src/core/errors.ts'
import type { ReleaseState } from '../../src/core/events.ts'
import type { Tracking } from '../../src/ports/tracking.ts'
import { createRegistryFollower } from '../../src/roles/registry.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { platform } from '../consumers/consumer-harness.ts'
import { model } from '../consumers/release-harness.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

async function following() {
  const made = await platform()
  const tracking = createFileTracking({ folder: await temporaryFolder() })
  onTestFinished(() => tracking.close())
  const lines: string[] = []
  const logger = createLogger({ level: 'warn', stream: { write: (line) => void lines.push(line) } })
  const { catalogue, log, releases, index } = made
  const trained = async (modelVersion: string): Promise<void> => {
    await log.append([model(modelVersion)])
    await catalogue.caughtUp(log)
  }
  const release = async (state: ReleaseState, modelVersion: string, generation: string | null) => {
    if (state === 'building' && generation !== null) await index.create(generation, 2)
    const follows = catalogue.releases().at(-1)?.releaseId ?? null
    await releases.append({ follows, state, modelVersion, generation, reason: `It is ${state}.`, evidence: null })
  }
  const register = (modelVersion: string) =>
    tracking.register({ modelVersion, runId: modelVersion, manifest: 'manifests/a.json', tags: {}, registeredAt: 1 })
  const follower = (changes: Partial<Tracking> = {}, works = () => true) =>
    createRegistryFollower({ ...made, tracking: { ...tracking, ...changes }, logger }, works)
  const shown = async () => ({ serving: await index.serving(), ...(await tracking.aliases()) })
  return { ...made, tracking, lines, trained, release, register, follower, shown }
}

async function serving(modelVersion: string, generation: string) {
  const made = await following()
  await made.trained(modelVersion)
  await made.register(modelVersion)
  await made.release('building', modelVersion, generation)
  await made.release('promoted', modelVersion, generation)
  return made
}

describe('what follows the releases', () => {
  it('shows generation, aliases, decisions and their report', async () => {
    const { tracking, trained, release, register, follower, shown } = await serving('m1', 'g1')
    await tracking.startRun({ runId: 'm1', experiment: 'e', name: 'm1', parameters: {}, startedAt: 1 })
    await trained('m2')
    await register('m2')
    await release('rejected', 'm2', null)
    await follower()()
    expect(await shown()).toEqual({ serving: 'g1', champion: 'm1', challenger: 'm2' })
    const tags = Object.fromEntries((await tracking.versions()).map(({ modelVersion, tags }) => [modelVersion, tags]))
    expect(tags).toMatchObject({
      m1: { decision: 'promoted' },
      m2: { decision: 'rejected', decision_reason: 'It is rejected.' },
    })
    const report = JSON.parse(Buffer.from((await tracking.readArtefact('m1', 'releases.json')) ?? []).toString()) as object // prettier-ignore
    expect(report).toMatchObject([{ state: 'building' }, { state: 'promoted' }])
  })

  it('passes over versions that somebody deleted, with one warning, and registers again what needs an alias', async () => {
    const { tracking, trained, release, follower, shown, lines } = await following()
    for (const [modelVersion, generation] of [['m1', 'g1'], ['m2', 'g2']] as const) {
      await trained(modelVersion)
      await release('building', modelVersion, generation)
      await release('promoted', modelVersion, generation)
    } // prettier-ignore
    const follow = follower()
    await follow()
    await follow()
    expect(await shown()).toEqual({ serving: 'g2', champion: 'm2' })
    expect((await tracking.versions()).map(({ modelVersion, tags }) => [modelVersion, tags['decision']])).toEqual([['m2', 'promoted']]) // prettier-ignore
    expect(lines.filter((line) => line.includes('registered no more'))).toHaveLength(1)
  })

  it('moves the index while tracking is away, says so once, and makes up for it', async () => {
    const { tracking, follower, shown, lines } = await serving('m1', 'g1')
    let isAway = true
    const follow = follower({
      aliases: async () =>
        isAway ? Promise.reject(new AppError('tracking-unavailable', 'Away.')) : tracking.aliases(),
    })
    await follow()
    const told = lines.length
    await follow()
    expect(lines).toHaveLength(told)
    expect(await shown()).toEqual({ serving: 'g1' })
    isAway = false
    await follow()
    expect(await shown()).toEqual({ serving: 'g1', champion: 'm1' })
  })

  it('sets right what others lost or changed, without a new release', async () => {
    const { tracking, index, follower, shown } = await serving('m1', 'g1')
    const follow = follower()
    await follow()
    await index.create('g0', 2)
    await index.serve('g0')
    await tracking.setAlias('champion', null)
    await follow()
    expect(await shown()).toEqual({ serving: 'g1', champion: 'm1' })
  })

  it('writes what the topic says when it writes, not when it began', async () => {
    const { index, tracking, trained, release, follower, shown, register } = await serving('m1', 'g1')
    await trained('m2')
    await register('m2')
    let isPromoted = false
    const promote = async (): Promise<void> => {
      if (isPromoted) return
      isPromoted = true
      await release('building', 'm2', 'g2')
      await release('promoted', 'm2', 'g2')
    }
    const follow = follower({
      async aliases() {
        const known = await tracking.aliases()
        await promote()
        return known
      },
    })
    await follow()
    expect(await shown()).toMatchObject({ champion: 'm2' })
    await follow()
    expect(await index.serving()).toBe('g2')
  })

  it('writes nothing any more once another process works', async () => {
    const { tracking, follower, shown } = await serving('m1', 'g1')
    let works = true
    const stalled = {
      async aliases() {
        works = false
        return tracking.aliases()
      },
    }
    await follower(stalled, () => works)()
    expect(await shown()).toEqual({ serving: 'g1' })
    expect((await tracking.versions())[0]?.tags).toEqual({})
  })

  it('tags only the last word on each version, and that once', async () => {
    const { tracking, release, follower } = await serving('m1', 'g1')
    await release('probation-passed', 'm1', 'g1')
    const tagged: unknown[] = []
    const recording: Partial<Tracking> = {
      async tag(modelVersion, tags) {
        tagged.push(tags['decision'])
        await tracking.tag(modelVersion, tags)
      },
    }
    await follower(recording)()
    await follower(recording)()
    expect(tagged).toEqual(['probation-passed'])
  })
})
