import { expect } from 'vitest'
import type { Scene } from './begin.ts'
import { settled } from './settle.ts'
import { tally } from '../../fixtures/fault-findings.ts'
import { verify } from './verify.ts'

/**
 * Waits until all has settled, says what there is, and fails unless it is all that was acknowledged and nothing else, and every process
 * has lived through it.
 */
export async function expectNothingLost(scene: Scene, what: string): Promise<void> {
  expect(scene.crew.endedByThemselves()).toEqual([])
  const outside = await scene.outside()
  await settled(scene.address, scene.ledger, outside)
  const findings = await verify(outside, scene.address, scene.ledger)
  const { unanswered, unavailable } = scene.ledger
  const { byCaption, byPicture } = findings
  console.log(
    `${what}: ${tally(findings)}; by caption ${byCaption}, by picture ${byPicture}; unanswered ${unanswered}, unavailable ${unavailable}`,
  )
  expect(findings).toMatchObject({ lost: [], duplicated: [], resurrected: [], inconsistent: [] })
  expect(findings.found).toBe(findings.acknowledged)
  expect(scene.crew.endedByThemselves()).toEqual([])
}
