import { existsSync, readdirSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openPlatform } from '../../../src/bootstrap.ts'
import { loadConfig } from '../../../src/config.ts'
import { AppError } from '../../../src/core/errors.ts'
import { pairKey } from '../../../src/core/ids.ts'
import { normalise } from '../../../src/core/vector.ts'
import type { SentenceEncoder } from '../../../src/models/pretrained/sentence-encoder.ts'
import { publishSource } from '../../../src/producers/publish-source.ts'
import { scenesSource } from '../../../src/producers/scenes/scenes-source.ts'
import { createServices } from '../../../src/roles/services.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { EXAMPLES_FILE, readExamples, SENTENCES_FILE } from '../../../src/training/training-data.ts'
import { planTuning, type TuningOptions } from '../../../src/training/tune/plan-tuning.ts'
import { runTuning, type TuningEvents } from '../../../src/training/tune/run-tuning.ts'
import { parseSearchSpace } from '../../../src/training/tune/search-space.ts'
import { TUNING_EXPERIMENT } from '../../../src/training/tune/tracked-trials.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

const unstopped = new AbortController().signal
const space = parseSearchSpace({ learningRate: { choices: [0.02, 1e-5, 1e-4] } })

type Networks = {
  readonly textTower?: 'bag'
  readonly sentenceEncoder?: () => Promise<SentenceEncoder | null>
}

const addOne = (counts: Float32Array, at: number): void => void (counts[at] = (counts[at] ?? 0) + 1)

/** Hears the letters of a text, and nothing of their order: enough to tell colours apart. */
const letters: SentenceEncoder = {
  id: '00000000000000aa',
  width: 26,
  encode: async (texts) =>
    texts.map((text) => {
      const counts = new Float32Array(26)
      for (const letter of text.toLowerCase().matchAll(/[a-z]/g)) addOne(counts, letter[0].charCodeAt(0) - 97)
      return normalise(counts)
    }),
  states: () => Promise.reject(new Error('nobody asks for states')),
  vectorOf: (states) => states,
  close: async () => undefined,
}

/** A platform with a few scenes; `search` plans and runs a search over four learning rates on two folds, in two rungs. */
async function published() {
  const config = loadConfig({}, { DATA_DIR: await temporaryFolder(), LOG_LEVEL: 'silent' })
  const platform = await openPlatform(config, 'own')
  const metrics = createMetrics({ processMetrics: false })
  const services = await createServices(platform, createLogger({ level: config.LOG_LEVEL }), metrics)
  onTestFinished(async () => {
    await services.closeServices()
    await platform.close()
  })
  await publishSource(scenesSource({ count: 90, seed: 5 }), services.publisher)
  const plan = (
    changes: Partial<TuningOptions> = {},
    { textTower, sentenceEncoder = services.sentenceEncoder }: Networks = {},
  ) =>
    planTuning(
      { trials: 4, folds: 2, seed: 1, space, snapshot: null, ...changes },
      { ...services, trainingSeed: 1, maximumEpochs: 2, textTower, sentenceEncoder },
    )
  const run = async (
    events: TuningEvents = {},
    { signal = unstopped, tracking = services.tracking, trials = 4, planned = plan({ trials }) } = {},
  ) => {
    const { tuningFolder, trainingFolder } = config
    const work = { ...services, tuningFolder, trainingFolder, tracking, threads: 1, events }
    return runTuning(await planned, work, signal)
  }
  return { services, config, plan, run }
}

describe('a search', { timeout: 300_000 }, () => {
  it('that is stopped goes on to the same end, trains nothing twice, and shows each trial as a run', async () => {
    const { services, config, plan, run } = await published()
    const { tracking } = services
    const { digest, trials } = await plan()
    const stop = new AbortController()
    const begun: string[] = []
    const noted: TuningEvents = {
      onProgress: ({ training: { trial, fold, epochs } }) => {
        const name = `${trial}:${fold}:${epochs}`
        if (begun.at(-1) !== name) begun.push(name)
      },
    }
    const stopping: TuningEvents = {
      onProgress(moment) {
        noted.onProgress?.(moment)
        if (begun.length === 6) stop.abort()
      },
    }
    await expect(run(stopping, { signal: stop.signal })).rejects.toMatchObject({ name: 'AbortError' })
    expect(existsSync(join(config.trainingFolder, `tune-${digest}`, EXAMPLES_FILE))).toBe(true)
    const runs = await tracking.runs(TUNING_EXPERIMENT)
    expect(runs.map(({ parameters }) => parameters['trial'])).toEqual(['1', '2', '3', '4'])
    expect(runs.filter(({ state }) => state === 'finished')).toHaveLength(2)

    const search = await run(noted)
    // It begins with the sixth, which was cut off.
    expect(begun).toHaveLength(8)
    expect(new Set(begun).size).toBe(8)
    expect(await readdir(config.trainingFolder)).toEqual([])
    const ended = await tracking.runs(TUNING_EXPERIMENT)
    expect(ended.every(({ state }) => state === 'finished')).toBe(true)
    expect(ended.map(({ metrics }) => metrics['score']?.map(({ step }) => step).join())).toEqual(
      trials.map(({ number }) =>
        search.rungs[1]?.standings.some(({ trial }) => trial === number) === true ? '1,2' : '1',
      ),
    )
    const [best] = search.rungs[1]?.standings ?? []
    const shown = ended.find(({ parameters }) => parameters['trial'] === String(search.winner))
    expect(shown?.metrics['score']?.at(-1)?.value).toBe(best?.mean)
    expect(shown?.metrics['score_deviation']?.at(-1)?.value).toBe(best?.deviation)
    expect(shown?.parameters['learningRate']).toBe(String(trials[(search.winner ?? 0) - 1]?.values.learningRate))

    // All is there already, so that nothing is trained and the data are not needed.
    const again = await run({ onProgress: () => expect.unreachable('nothing is left to train') })
    expect(again).toEqual(search)
  })

  it('learns from training pictures only, and from none that is erased meanwhile', async () => {
    const { services, config, plan, run } = await published()
    const { catalogue, log } = services
    const { digest, images } = await plan()
    const learnt = new Set(images.map(({ imageId }) => imageId))
    const held = [...catalogue.livePairs()].filter(({ split }) => split !== 'train')
    expect(held.length).toBeGreaterThan(0)
    expect(held.filter(({ imageId }) => learnt.has(imageId))).toEqual([])

    const dataFolder = join(config.trainingFolder, `tune-${digest}`)
    const captions = async () => {
      const found: string[] = []
      for await (const { caption } of readExamples(dataFolder)) found.push(caption)
      return found.sort()
    }
    const [first] = images
    const erased = first?.pairs[0]
    const erasures: Promise<unknown>[] = []
    let before: readonly string[] = []
    const erase = async () => {
      before = await captions()
      await log.append([{ topic: 'pairs', key: pairKey(first?.imageId ?? '', erased?.pairId ?? ''), value: null }])
      await catalogue.caughtUp(log)
    }
    const stop = new AbortController()
    const events: TuningEvents = {
      onProgress({ training }) {
        if (training.trial === 1 && erasures.length === 0) erasures.push(erase())
        if (training.trial === 3) stop.abort()
      },
    }
    await expect(run(events, { signal: stop.signal })).rejects.toMatchObject({ name: 'AbortError' })
    await Promise.all(erasures)
    const after = await captions()
    expect(before).toHaveLength(images.flatMap(({ pairs }) => pairs).length)
    expect(after).toHaveLength(before.length - 1)
  })

  it('compares towers that build on a sentence encoder', async () => {
    const { config, plan, run } = await published()
    const networks = { sentenceEncoder: async () => letters }
    const towers = parseSearchSpace({ wordTower: { choices: ['none'] } })
    const planned = plan({ space: towers }, networks)
    const { digest, trials } = await planned
    expect(trials.map(({ values }) => values.wordTower)).toEqual(['bag', 'none'])
    expect(Object.keys((await plan({ space: null }, networks)).space)).toContain('sentenceDropout')
    const files = new Set<string>()
    const events: TuningEvents = {
      onProgress: () => readdirSync(join(config.trainingFolder, `tune-${digest}`)).forEach((name) => files.add(name)),
    }
    const search = await run(events, { planned })
    expect(files).toContain(SENTENCES_FILE)
    const [round] = search.rungs
    expect(round?.standings.map(({ failed }) => failed)).toEqual([false, false])
    expect(round?.standings.every(({ mean }) => (mean ?? 0) > 0)).toBe(true)
  })

  it('ends although nobody shows its trials, says so at the end, and shows them when it is run again', async () => {
    const { services, run } = await published()
    const { tracking } = services
    const away = () => Promise.reject(new AppError('tracking-unavailable', 'It is away.'))
    const hidden = { tracking: { ...tracking, startRun: away }, trials: 2 }
    await expect(run({}, hidden)).rejects.toMatchObject({ code: 'tracking-unavailable' })
    expect(await tracking.runs(TUNING_EXPERIMENT)).toEqual([])
    await run({ onProgress: () => expect.unreachable('all is trained') }, { trials: 2 })
    const runs = await tracking.runs(TUNING_EXPERIMENT)
    expect(runs.map(({ state }) => state)).toEqual(['finished', 'finished'])
  })

  it('keeps another from running beside it, and removes what one that was given up has left', async () => {
    const { config, plan, run } = await published()
    const leftover = join(config.trainingFolder, 'tune-0000000000000000')
    const model = join(config.trainingFolder, 'm-0123456789')
    await mkdir(leftover, { recursive: true })
    await mkdir(model)
    const stop = new AbortController()
    const seconds: Promise<unknown>[] = []
    const events: TuningEvents = {
      onProgress() {
        if (seconds.length > 0) return
        seconds.push(run().catch((error: unknown) => error).finally(() => stop.abort())) // prettier-ignore
      },
    }
    await expect(run(events, { signal: stop.signal })).rejects.toMatchObject({ name: 'AbortError' })
    expect((await Promise.all(seconds))[0]).toMatchObject({ code: 'data-folder-locked', message: expect.stringContaining('Another search') as string }) // prettier-ignore
    expect((await readdir(config.trainingFolder)).sort()).toEqual(['m-0123456789', `tune-${(await plan()).digest}`])
  })

  it('needs a picture in each fold, a snapshot that is there, and towers that trainings can use', async () => {
    const { plan } = await published()
    await expect(plan({ folds: 5_000 })).rejects.toMatchObject({
      code: 'invalid-request',
      message: expect.stringContaining('too few for 5000 folds') as string,
    })
    const three = await plan({ folds: 3 })
    expect(three.digest).not.toBe((await plan()).digest)
    expect((await plan({ trials: 2 })).digest).toBe((await plan()).digest)
    const towers = parseSearchSpace({ wordTower: { choices: ['gru', 'none'] } })
    await expect(plan({ space: towers })).rejects.toThrow(/can be none only where SENTENCE_ENCODER_DIR/)
    await expect(plan({ space: towers }, { textTower: 'bag' })).rejects.toThrow(/wordTower is set by TEXT_TOWER/)
    await expect(plan({ snapshot: 'snapshots/none' })).rejects.toMatchObject({ code: 'snapshot-incomplete' })
  })
})
