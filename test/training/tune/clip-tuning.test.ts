import { describe, expect, it } from 'vitest'
import { publishSource } from '../../../src/producers/publish-source.ts'
import { scenesSource } from '../../../src/producers/scenes/scenes-source.ts'
import { adoptedFor, hyperparametersFor } from '../../../src/training/tune/adopted-hyperparameters.ts'
import { adoptWinner } from '../../../src/training/tune/adopt-winner.ts'
import { planTuning } from '../../../src/training/tune/plan-tuning.ts'
import { runTuning } from '../../../src/training/tune/run-tuning.ts'
import { parseSearchSpace, type SearchSpace } from '../../../src/training/tune/search-space.ts'
import { writeTinyClip } from '../../models/pretrained/tiny-clip.ts'
import { openedServices } from '../../roles/opened-services.ts'

async function onClip() {
  const services = await openedServices({ CLIP_DIR: await writeTinyClip() })
  await publishSource(scenesSource({ count: 90, seed: 5 }), services.publisher)
  const plan = (space: SearchSpace | null, adapterWidth?: number, trials = 2) =>
    planTuning(
      { trials, folds: 2, seed: 1, space, snapshot: null },
      { ...services, trainingSeed: 1, maximumEpochs: 1, adapterWidth },
    )
  return { services, plan }
}

const refused = (words: string) => ({ code: 'invalid-request', message: expect.stringContaining(words) as string })

describe('a search over a CLIP', { timeout: 120_000 }, () => {
  it('searches what adapters have a use for, and is adopted for this CLIP alone', async () => {
    const { services, plan } = await onClip()
    const { tuningFolder, trainingFolder } = services.config
    const planned = await plan(parseSearchSpace({ adapterWidth: { choices: [8] } }))
    const work = { ...services, tuningFolder, trainingFolder, threads: 1, events: {} }
    const search = await runTuning(planned, work, new AbortController().signal)
    expect(search.rungs[0]?.standings).toHaveLength(2)
    expect(await adoptWinner(planned, { ...search, winner: 2 }, 'test', services)).toBe(true)

    const { backbone, sentences, pairs, clip } = planned
    const occasion = { backbone: backbone.id, sentenceEncoder: sentences?.id ?? null, pairs, at: Date.now() + 1_000 }
    expect((await adoptedFor(occasion, services))?.values).toEqual({ adapterWidth: 8 })
    const fixed = { maximumEpochs: undefined, clipWidth: clip?.width }
    const values = await hyperparametersFor(occasion, fixed, services)
    expect(values).toMatchObject({ adapterWidth: 8, wordTower: 'none', embeddingWidth: 3 })
    expect(await adoptedFor({ ...occasion, backbone: 'another' }, services)).toBeNull()
  })

  it('draws nothing that would change nothing, and says what does', async () => {
    const { plan } = await onClip()
    const { space } = await plan(null, undefined, 1)
    expect(Object.keys(space)).toContain('adapterWidth')
    expect(Object.keys(space)).not.toEqual(expect.arrayContaining(['embeddingWidth']))
    expect(Object.keys((await plan(null, 16, 1)).space)).not.toContain('adapterWidth')
    await expect(plan(parseSearchSpace({ wordWidth: { choices: [64] } }))).rejects.toMatchObject(refused('wordWidth'))
    const widths = parseSearchSpace({ adapterWidth: { choices: [8, 16] } })
    await expect(plan(widths, 16)).rejects.toMatchObject(refused('CLIP_ADAPTER_WIDTH'))
    await expect(plan(null, 0)).rejects.toMatchObject(refused('trains nothing'))
  })
})
