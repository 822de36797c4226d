import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readNewest } from '../../src/ports/newest-records.ts'
import { publishSource } from '../../src/producers/publish-source.ts'
import { scenesSource } from '../../src/producers/scenes/scenes-source.ts'
import { pageOpeners } from './page/page-openers.ts'
import { startPairstream, type RunningPairstream } from './running-pairstream.ts'

let pairstream: RunningPairstream

beforeAll(async () => {
  // Enough to learn from that the first model is clearly better than guessing, wherever the first request falls.
  pairstream = await startPairstream({ FIRST_TRAINING_PAIRS: 350, TRAINING_EPOCHS: 8 })
  await publishSource(scenesSource({ count: 160, seed: 5 }), pairstream.services.publisher)
  await pairstream.until(() => pairstream.services.serving.current() !== null)
}, 120_000)
afterAll(() => pairstream.stop())

describe.each(pageOpeners())('the search page, %s', (_, open) => {
  it('answers a query with pictures, shows one, and goes on to more like it', async () => {
    const page = await open(pairstream.address)
    try {
      await page.waitFor('status-model')
      expect(await page.text('status-model')).toBe(pairstream.services.serving.current()?.modelVersion)
      await page.search('a large red circle')
      await page.waitFor('result')
      expect(await page.count('result')).toBeGreaterThanOrEqual(10)
      expect(await page.text('result-score')).toMatch(/^-?\d\.\d{3}$/)
      expect(await page.text('summary')).toMatch(/^24 pictures in generation g1-\w+, /)
      expect(await page.address()).toBe(`${pairstream.address}/?q=a+large+red+circle`)

      await page.click('result')
      await page.waitFor('detail-more-like-this')
      expect(await page.text('detail')).toContain(pairstream.services.serving.current()?.modelVersion)
      await page.click('detail-up')
      await page.waitForText('detail-opinion', /Thank you/)
      const { values } = await readNewest(pairstream.services.log, 'feedback')
      expect([...values.values()]).toContainEqual(expect.objectContaining({ action: 'up', position: 0 }))
      await page.click('detail-more-like-this')
      await page.waitFor('result')
      expect(await page.address()).toMatch(/\/\?like=[0-9a-f-]{36}$/)
      expect(await page.errors()).toEqual([])
    } finally {
      await page.close()
    }
  })

  it('says above weak results that nothing matches well, and searches by both at once', async () => {
    const { services, address } = pairstream
    const { generation = '', modelVersion = '' } = services.serving.current() ?? {}
    const bins = [{ said: 0.5, seen: 0.5, hits: 1 }]
    const sure = { calibrationError: 0, calibrationErrorOfBest: 0, auroc: 1, aurocOfBest: 1, wronglyEmpty: 0 }
    await services.calibrations.put({
      generation,
      modelVersion,
      images: 160,
      fittedAt: 1,
      model: { intercept: -5, scoreSlope: 0, shareSlope: 0, sharpness: 1 },
      threshold: 0.5,
      report: { ...sure, rightlyEmpty: 1, queries: 1, images: 1, bins },
    })
    const following = await services.servedCalibration.start(() => generation, console.error)
    await following.stop()
    const weak = await open(`${address}/?q=quarterly+report`)
    try {
      await weak.waitFor('no-match')
      expect(await weak.text('no-match')).toBe('Nothing here matches well. The nearest are:')
      expect(await weak.count('result')).toBe(24)
      expect(await weak.errors()).toEqual([])
    } finally {
      await weak.close()
    }
    const both = await open(`${address}/?q=a+large+red+circle&mode=hybrid`)
    try {
      await both.waitFor('result')
      expect(await both.count('no-match')).toBe(0)
      expect(await both.text('summary')).toMatch(/^24 pictures in generation g1-\w+, /)
      expect(await both.errors()).toEqual([])
    } finally {
      await both.close()
    }
  })

  it('opens a shared address as the search that it holds', async () => {
    const page = await open(`${pairstream.address}/?q=circle&target=captions&mode=text`)
    try {
      await page.waitFor('result')
      expect(await page.text('result')).toContain('circle')
      expect(await page.text('summary')).toMatch(/^\d+ captions?, /)
    } finally {
      await page.close()
    }
  })
})
