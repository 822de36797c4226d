import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { publishSource } from '../../src/producers/publish-source.ts'
import { scenesSource } from '../../src/producers/scenes/scenes-source.ts'
import { pageOpeners } from './page/page-openers.ts'
import { startPairstream, type RunningPairstream } from './running-pairstream.ts'

const KEY = 'the-key-of-a-reader'
let pairstream: RunningPairstream

beforeAll(async () => {
  pairstream = await startPairstream({ API_KEYS: `reader:${KEY}` })
  await publishSource(scenesSource({ count: 20, seed: 5 }), pairstream.services.publisher)
}, 60_000)
afterAll(() => pairstream.stop())

describe.each(pageOpeners())('the search page of a server that asks who calls, %s', (where, open) => {
  it('asks once, says what is wrong with a wrong key, and then does what it was asked for', async () => {
    const page = await open(`${pairstream.address}/?q=circle&target=captions&mode=text`)
    try {
      await page.waitFor('sign-in')
      expect(await page.count('result')).toBe(0)
      await page.signIn('a-wrong-key')
      await page.waitForText('sign-in-problem', /./)
      expect(await page.text('sign-in-problem')).toBe('There is no such key, and no tokens are taken here.')
      await page.signIn(KEY)
      await page.waitFor('result')
      await page.waitFor('status-pairs')
      expect(await page.text('result')).toContain('circle')
      // A document without a browser loads no pictures.
      if (where === 'in Chromium') await page.waitForPicture()
      expect(await page.errors()).toEqual([])
    } finally {
      await page.close()
    }
  })
})
