import { describe, expect, it } from 'vitest'
import { createRandom, type Random } from '../../../src/core/random.ts'
import { RANKED } from '../../../src/core/relevance.ts'
import { calibrate, isFittedOn, isTakenOut, LEAST_IMAGES } from '../../../src/evaluation/relevance/calibrate.ts'
import type { RankedQuery } from '../../../src/evaluation/relevance/fit-relevance.ts'
import { reliabilityPlot } from '../../../src/evaluation/relevance/reliability-plot.ts'

const gaussian = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float())

/** Queries of a gallery in which wrong pictures score around 0 and the right one, where it is there, around `gap`. */
function world({
  images,
  gallery = 300,
  gap = 0.35,
}: {
  images: number
  gallery?: number
  gap?: number
}): RankedQuery[] {
  const random = createRandom(images + gallery)
  return Array.from({ length: images * 5 }, (_, i): RankedQuery => {
    const imageId = `image ${Math.floor(i / 5)}`
    const isAnswerable = !isTakenOut(imageId)
    const wrong = Array.from({ length: gallery }, () => ({ score: 0.1 * gaussian(random), isRight: false }))
    const right = { score: gap + 0.1 * gaussian(random), isRight: true }
    const hits = (isAnswerable ? [...wrong, right] : wrong).sort((a, b) => b.score - a.score).slice(0, RANKED)
    return { imageId, isAnswerable, hits }
  })
}

describe('calibration', () => {
  it('says how probable hits are, on images that it was not fitted on, and calls few answers empty', () => {
    for (const gallery of [100, 1_000]) {
      const fitted = calibrate(world({ images: 800, gallery }))
      const { report, threshold } = fitted ?? expect.fail('nothing was fitted')
      expect(report.calibrationError).toBeLessThan(0.02)
      expect(report.calibrationErrorOfBest).toBeLessThan(0.05)
      expect(report.auroc).toBeGreaterThan(0.9)
      expect(report.wronglyEmpty).toBeLessThanOrEqual(0.05)
      expect(report.rightlyEmpty).toBeGreaterThan(2 * report.wronglyEmpty)
      expect(threshold).toBeGreaterThan(0)
      expect(report.queries).toBeGreaterThan(1_500)
      expect(report.bins).toHaveLength(15)
    }
  })

  it('uses each image for fitting or for the report, and about half of them for either', () => {
    const ids = Array.from({ length: 4_000 }, (_, i) => `image ${i}`)
    for (const half of [ids.filter(isFittedOn), ids.filter(isTakenOut)]) {
      expect(half.length / ids.length).toBeGreaterThan(0.46)
      expect(half.length / ids.length).toBeLessThan(0.54)
    }
    const { report } = calibrate(world({ images: 800 })) ?? expect.fail('nothing was fitted')
    const reported = new Set(
      world({ images: 800 })
        .map(({ imageId }) => imageId)
        .filter((id) => !isFittedOn(id)),
    )
    expect(report.images).toBe(reported.size)
  })

  it('says nothing on few images, nothing where nothing right was found, and calls nothing empty on a few more', () => {
    expect(calibrate(world({ images: LEAST_IMAGES - 1 }))).toBeNull()
    const wrong = world({ images: 200 }).map((query) => ({
      ...query,
      hits: query.hits.map(({ score }) => ({ score, isRight: false })),
    }))
    expect(calibrate(wrong)).toBeNull()
    expect(calibrate([])).toBeNull()
    expect(calibrate(world({ images: LEAST_IMAGES + 10 }))).toMatchObject({ threshold: 0, report: { wronglyEmpty: 0 } })
  })

  it('is drawn as a plot with a dot a bin', () => {
    const { report } = calibrate(world({ images: 300 })) ?? expect.fail('nothing was fitted')
    const svg = reliabilityPlot(report)
    expect(svg.match(/<circle /g)).toHaveLength(report.bins.length)
    expect(svg).toContain(`calibration error ${report.calibrationError.toFixed(4)}`)
    expect(svg).not.toContain('NaN')
  })
})
