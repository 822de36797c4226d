import { expect, it } from 'vitest'
import { erasePair } from '../../src/roles/commands.ts'
import { erasureOf, publication, tombstoneOf } from '../catalogue/catalogue-harness.ts'
import { platform } from '../consumers/consumer-harness.ts'
import { pairEvent } from '../fixtures/pair-events.ts'

it('erases a pair that was restored and published again, where that is not folded yet', async () => {
  const { log, catalogue, clock } = await platform()
  const event = pairEvent('one', 'a dog')
  await log.append([publication(event), tombstoneOf(event)])
  await catalogue.caughtUp(log)
  const stale = catalogue.pair(event.pairId)
  expect(stale?.erased).toBe(true)
  await new Promise((resolve) => setTimeout(resolve, 2)) // within the millisecond of the tombstone the erasure would win
  await log.append([erasureOf(event, 'restored')])
  await log.append([publication(event)])

  let isCaughtUp = false
  const behind: typeof catalogue = {
    ...catalogue,
    pair: (pairId) => (isCaughtUp ? catalogue.pair(pairId) : stale),
    async caughtUp(of) {
      await catalogue.caughtUp(of)
      isCaughtUp = true
    },
  }
  await erasePair({ catalogue: behind, log, clock }, event.pairId, 'a person')
  await catalogue.caughtUp(log)
  expect(catalogue.pair(event.pairId)?.erased).toBe(true)
  expect(catalogue.erasure(event.pairId)).toMatchObject({ state: 'requested', requestedBy: 'a person' })
})
