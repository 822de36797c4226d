import { afterEach, describe, expect, it } from 'vitest'
import type { RegisteredVersion, Tracking } from '../../src/ports/tracking.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

const runOf = (runId: string, startedAt = 1_000) => ({
  runId,
  experiment: 'retraining',
  name: `training ${runId}`,
  parameters: { family: 'bag-of-words', 'learning rate': '0.001' },
  startedAt,
})

const versionOf = (modelVersion: string, registeredAt = 1_000): RegisteredVersion => ({
  modelVersion,
  runId: `run-of-${modelVersion}`,
  manifest: `manifests/${modelVersion}.json`,
  tags: { reason: 'volume' },
  registeredAt,
})

/**
 * What every driver of `Tracking` guarantees. `open` opens it at a place that no other test uses; opening the same place again,
 * after a `close`, is a restart.
 */
export function trackingContract(open: (place: string) => Promise<Tracking>): void {
  const opened: Tracking[] = []
  const openAt = async (place: string): Promise<Tracking> => {
    const tracking = await open(place)
    opened.push(tracking)
    return tracking
  }
  const fresh = async (): Promise<Tracking> => openAt(await temporaryFolder())
  afterEach(async () => {
    for (const tracking of opened.splice(0)) await tracking.close()
  })

  describe('runs', () => {
    it('keeps a run with its parameters, metrics in order of steps, and artefacts', async () => {
      const tracking = await fresh()
      await tracking.startRun(runOf('r1'))
      await tracking.logMetrics('r1', 2, { loss: 0.25, 'recall@10': 0.5 }, 1_200)
      await tracking.logMetrics('r1', 1, { loss: 0.5 }, 1_100)
      await tracking.logArtefact('r1', 'plots/loss.svg', bytesOf('<svg/>'))
      await tracking.logArtefact('r1', 'evaluation.json', bytesOf('{}'))
      await tracking.endRun('r1', 'finished', 1_300)
      const run = await tracking.run('r1')
      expect(run).toEqual({
        ...runOf('r1'),
        state: 'finished',
        endedAt: 1_300,
        metrics: {
          loss: [
            { step: 1, value: 0.5, at: 1_100 },
            { step: 2, value: 0.25, at: 1_200 },
          ],
          'recall@10': [{ step: 2, value: 0.5, at: 1_200 }],
        },
        artefacts: expect.arrayContaining(['plots/loss.svg', 'evaluation.json']) as string[],
      })
      expect(run?.artefacts).toHaveLength(2)
    })

    it('starts a run once, however often it is told to', async () => {
      const tracking = await fresh()
      await tracking.startRun(runOf('r1'))
      await tracking.logMetrics('r1', 1, { loss: 0.5 }, 1_100)
      await tracking.startRun({ ...runOf('r1', 9_000), name: 'another', parameters: {} })
      expect(await tracking.runs('retraining')).toHaveLength(1)
      expect(await tracking.run('r1')).toMatchObject({ ...runOf('r1'), state: 'running', endedAt: null })
      expect((await tracking.run('r1'))?.metrics['loss']).toHaveLength(1)
    })

    it('keeps one value a metric and step when metrics are delivered again, the last', async () => {
      const tracking = await fresh()
      await tracking.startRun(runOf('r1'))
      await tracking.logMetrics('r1', 1, { loss: 0.5 }, 1_100)
      await tracking.logMetrics('r1', 1, { loss: 0.5 }, 1_100)
      await tracking.logMetrics('r1', 1, { loss: 0.4 }, 1_200)
      expect((await tracking.run('r1'))?.metrics).toEqual({ loss: [{ step: 1, value: 0.4, at: 1_200 }] })
    })

    it('keeps values that are not finite', async () => {
      const tracking = await fresh()
      await tracking.startRun(runOf('r1'))
      await tracking.logMetrics('r1', 1, { a: Number.NaN, b: Number.POSITIVE_INFINITY, c: 1e-300 }, 1_100)
      const metrics = (await tracking.run('r1'))?.metrics ?? {}
      expect(Object.values(metrics).map(([point]) => point?.value)).toEqual([
        Number.NaN,
        Number.POSITIVE_INFINITY,
        1e-300,
      ])
    })

    it('ends a run again when it goes on after a failure', async () => {
      const tracking = await fresh()
      await tracking.startRun(runOf('r1'))
      await tracking.endRun('r1', 'failed', 2_000)
      expect(await tracking.run('r1')).toMatchObject({ state: 'failed', endedAt: 2_000 })
      await tracking.startRun(runOf('r1'))
      await tracking.endRun('r1', 'finished', 3_000)
      await tracking.endRun('r1', 'finished', 3_000)
      expect(await tracking.run('r1')).toMatchObject({ state: 'finished', endedAt: 3_000 })
    })

    it('lists the runs of an experiment, oldest first', async () => {
      const tracking = await fresh()
      await tracking.startRun(runOf('r2', 2_000))
      await tracking.startRun(runOf('r1', 1_000))
      await tracking.startRun({ ...runOf('other'), experiment: 'ablation' })
      expect((await tracking.runs('retraining')).map(({ runId }) => runId)).toEqual(['r1', 'r2'])
      expect(await tracking.runs('unknown')).toEqual([])
    })

    it('gives artefacts back as they were, the last of a name', async () => {
      const tracking = await fresh()
      await tracking.startRun(runOf('r1'))
      await tracking.startRun(runOf('r2'))
      const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256)
      await tracking.logArtefact('r1', 'weights.bin', bytesOf('first'))
      await tracking.logArtefact('r1', 'weights.bin', bytes)
      expect(await tracking.readArtefact('r1', 'weights.bin')).toEqual(bytes)
      expect((await tracking.run('r1'))?.artefacts).toEqual(['weights.bin'])
      expect(await tracking.readArtefact('r2', 'weights.bin')).toBeNull()
      expect(await tracking.readArtefact('r1', 'other')).toBeNull()
    })

    it('names the run that is missing', async () => {
      const tracking = await fresh()
      const missing = { code: 'not-found' }
      expect(await tracking.run('r9')).toBeNull()
      await expect(tracking.logMetrics('r9', 1, { loss: 1 }, 1_000)).rejects.toMatchObject(missing)
      await expect(tracking.logArtefact('r9', 'a', bytesOf('a'))).rejects.toMatchObject(missing)
      await expect(tracking.endRun('r9', 'failed', 1_000)).rejects.toMatchObject(missing)
    })

    it('refuses an artefact whose name climbs out of its run', async () => {
      const tracking = await fresh()
      await tracking.startRun(runOf('r1'))
      const refused = { code: 'invalid-request' }
      await expect(tracking.logArtefact('r1', '../r2/a', bytesOf('a'))).rejects.toMatchObject(refused)
      await expect(tracking.readArtefact('r1', '../../tracking.db')).rejects.toMatchObject(refused)
    })
  })

  describe('registered versions', () => {
    it('lists versions oldest first, each once', async () => {
      const tracking = await fresh()
      await tracking.register(versionOf('m-2', 2_000))
      await tracking.register(versionOf('m-1', 1_000))
      await tracking.register({ ...versionOf('m-1', 9_000), manifest: 'manifests/other.json', tags: {} })
      expect(await tracking.versions()).toEqual([versionOf('m-1', 1_000), versionOf('m-2', 2_000)])
    })

    it('adds tags to those there are', async () => {
      const tracking = await fresh()
      await tracking.register(versionOf('m-1'))
      await tracking.tag('m-1', { rejected: 'standard error over half the margin' })
      await tracking.tag('m-1', { rejected: 'lower bound below zero' })
      expect((await tracking.versions())[0]?.tags).toEqual({ reason: 'volume', rejected: 'lower bound below zero' })
      await expect(tracking.tag('m-9', { a: 'b' })).rejects.toMatchObject({ code: 'model-not-found' })
    })

    it('moves aliases, and takes them away', async () => {
      const tracking = await fresh()
      await tracking.register(versionOf('m-1'))
      await tracking.register(versionOf('m-2'))
      await tracking.setAlias('champion', 'm-1')
      await tracking.setAlias('challenger', 'm-2')
      expect(await tracking.aliases()).toEqual({ champion: 'm-1', challenger: 'm-2' })
      await tracking.setAlias('champion', 'm-2')
      await tracking.setAlias('challenger', null)
      await tracking.setAlias('challenger', null)
      expect(await tracking.aliases()).toEqual({ champion: 'm-2' })
      await expect(tracking.setAlias('champion', 'm-9')).rejects.toMatchObject({ code: 'model-not-found' })
      expect(await tracking.aliases()).toEqual({ champion: 'm-2' })
    })
  })

  it('has everything after a restart', async () => {
    const place = await temporaryFolder()
    const first = await openAt(place)
    await first.startRun(runOf('r1'))
    await first.logMetrics('r1', 1, { loss: 0.5 }, 1_100)
    await first.logArtefact('r1', 'a/b.txt', bytesOf('text'))
    await first.register(versionOf('m-1'))
    await first.setAlias('champion', 'm-1')
    const before = await first.run('r1')
    await first.close()
    const second = await openAt(place)
    expect(await second.run('r1')).toEqual(before)
    expect(await second.readArtefact('r1', 'a/b.txt')).toEqual(bytesOf('text'))
    expect(await second.versions()).toEqual([versionOf('m-1')])
    expect(await second.aliases()).toEqual({ champion: 'm-1' })
  })
}
