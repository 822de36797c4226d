import { expect } from 'vitest'
import type { Scene } from './begin.ts'
import { settled } from './settle.ts'
import { tally } from '../../fixtures/fault-findings.ts'
import { verify } from './verify.ts'

/** Waits until all has settled, says what there is, and fails unless it is all that was acknowledged and nothing else. */
export async function expectNothingLost(scene: Scene, what: string): Promise<void> {
  const outside = await scene.outside()
  await settled(scene.address, scene.ledger, outside)
  const findings = await verify(outside, scene.address, scene.ledger)
  const { unanswered, unavailable } = scene.ledger
  console.log(`${what}: ${tally(findings)}; unanswered ${unanswered}, unavailable ${unavailable}`)
  expect(findings).toMatchObject({ lost: [], duplicated: [], resurrected: [], inconsistent: [] })
  expect(findings.found).toBe(findings.acknowledged)
}
