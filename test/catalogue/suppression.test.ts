import { describe, expect, it } from 'vitest'
import { pairEvent } from '../fixtures/pair-events.ts'
import { erasureOf, harness, publication, tombstoneOf } from './catalogue-harness.ts'

const event = pairEvent('one', 'a dog')

describe('the suppression of erased pairs', () => {
  it('is sticky until the pair is restored, step by step and folded anew', async () => {
    const made = await harness()
    const { catalogue } = await made.follow()
    const expectLive = async (live: boolean, erased: boolean) => {
      await catalogue.caughtUp(made.log)
      const rebuilt = await made.rebuild()
      for (const each of [catalogue, rebuilt.catalogue]) {
        expect([each.isLivePair(event.pairId), each.isErased(event.pairId)]).toEqual([live, erased])
      }
      await rebuilt.close()
    }
    await made.log.append([publication(event)])
    await expectLive(true, false)
    await made.log.append([tombstoneOf(event)])
    await expectLive(false, true)
    await made.log.append([publication(event)])
    await expectLive(false, true)
    await made.log.append([erasureOf(event, 'restored')])
    await expectLive(false, false)
    await made.log.append([publication(event)])
    await expectLive(true, false)
    await made.log.append([tombstoneOf(event)])
    await expectLive(false, true)
    await made.log.append([publication(event)])
    await expectLive(false, true)
  })

  it('holds when nothing but the request or the receipt is left of the tombstone', async () => {
    const { log, follow, clock } = await harness()
    const { catalogue } = await follow()
    const certified = pairEvent('two', 'a cat')
    await log.append([erasureOf(event, 'requested'), erasureOf(certified, 'done', { at: clock() })])
    await log.append([publication(event), publication(certified)])
    await catalogue.caughtUp(log)
    expect(catalogue.counts().pairs).toBe(0)
    expect(catalogue.isErased(event.pairId)).toBe(true)
    expect(catalogue.isErased(certified.pairId)).toBe(true)
  })

  it('is not renewed by a receipt that is written after the restoration', async () => {
    const { log, follow, now } = await harness()
    const { catalogue } = await follow()
    await log.append([publication(event), tombstoneOf(event)])
    const erasedAt = now()
    await log.append([erasureOf(event, 'restored')])
    await log.append([erasureOf(event, 'done', { at: erasedAt })])
    await log.append([publication(event)])
    await catalogue.caughtUp(log)
    expect(catalogue.isLivePair(event.pairId)).toBe(true)
  })

  it('knows a restoration before the publication that it allows, however the topics are read', async () => {
    const made = await harness()
    for (let round = 0; round < 20; round++) {
      const each = pairEvent('one', `caption ${round}`)
      await made.log.append([publication(each)])
      await made.log.append([tombstoneOf(each)])
      await made.log.append([erasureOf(each, 'restored')])
      await made.log.append([publication(each)])
    }
    const { catalogue } = await made.follow()
    await catalogue.caughtUp(made.log)
    expect(catalogue.counts().pairs).toBe(20)
  })

  it('keeps the newest receipt', async () => {
    const { log, follow } = await harness()
    const { catalogue } = await follow()
    await log.append([erasureOf(event, 'requested'), erasureOf(event, 'done', { logCleanBy: 7 })])
    await catalogue.caughtUp(log)
    expect(catalogue.erasure(event.pairId)).toMatchObject({ state: 'done', logCleanBy: 7 })
    expect(catalogue.erasures()).toHaveLength(1)
    expect(catalogue.erasure(pairEvent('two', 'a cat').pairId)).toBeNull()
  })
})
