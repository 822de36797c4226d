import { describe, expect, it } from 'vitest'
import { publishSource } from '../../../src/producers/publish-source.ts'
import { scenesSource } from '../../../src/producers/scenes/scenes-source.ts'
import { adoptWinner } from '../../../src/training/tune/adopt-winner.ts'
import { adoptedFor } from '../../../src/training/tune/adopted-hyperparameters.ts'
import { planTuning } from '../../../src/training/tune/plan-tuning.ts'
import { runTuning } from '../../../src/training/tune/run-tuning.ts'
import { parseSearchSpace, type SearchSpace } from '../../../src/training/tune/search-space.ts'
import { mapBackbone } from '../../models/map-backbone.ts'
import { openedServices } from '../../roles/opened-services.ts'

type ImageHead = 'linear' | 'attention'

async function searches() {
  const services = await openedServices({ BACKBONE_DIR: await mapBackbone() })
  await publishSource(scenesSource({ count: 90, seed: 5 }), services.publisher)
  const plan = (space: SearchSpace, imageHead?: ImageHead) =>
    planTuning(
      { trials: 2, folds: 2, seed: 1, space, snapshot: null },
      { ...services, trainingSeed: 1, maximumEpochs: 1, imageHead },
    )
  return { services, plan }
}

describe('a search with attention to regions', { timeout: 120_000 }, () => {
  it('reads the regions once for all trials, and what it finds is for the backbone as it is', async () => {
    const { services, plan } = await searches()
    const tuning = await plan(parseSearchSpace({ learningRate: { choices: [0.01] } }), 'attention')
    const { tuningFolder, trainingFolder } = services.config
    const work = { ...services, tuningFolder, trainingFolder, threads: 1, events: {} }
    const search = await runTuning(tuning, work, new AbortController().signal)
    expect(search.rungs[0]?.standings.map(({ failed }) => failed)).toEqual([false, false])
    const imageIds = [...services.catalogue.livePairs()].map(({ imageId }) => imageId)
    const backbone = await services.backbone()
    const { size } = await services.features.get(backbone.withRegions(3).id, 'plain', imageIds)
    expect(size).toBeGreaterThan(0)
    expect((await services.features.get(backbone.id, 'plain', imageIds)).size).toBe(0)

    await adoptWinner(tuning, { ...search, winner: 2 }, 'ada', services)
    const occasion = { pairs: tuning.pairs, backbone: backbone.id, sentenceEncoder: null, at: services.clock() }
    expect((await adoptedFor(occasion, services))?.values).toMatchObject({ imageHead: 'attention', learningRate: 0.01 })
  })

  it('is asked for by the setting alone, since features are written once for all trials', async () => {
    const { plan } = await searches()
    const heads = parseSearchSpace({ imageHead: { choices: ['linear', 'mlp'] } })
    await expect(plan(heads)).resolves.toMatchObject({ trials: [{ number: 1 }, { number: 2 }] })
    await expect(plan(heads, 'linear')).rejects.toThrow(/imageHead is set by IMAGE_HEAD/)
    const attending = parseSearchSpace({ imageHead: { choices: ['attention'] } })
    await expect(plan(attending)).rejects.toThrow(/for attention set IMAGE_HEAD/)
  })
})
