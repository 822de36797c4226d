import { describe, expect, it } from 'vitest'
import { runKillRound } from './faults/kill-round.ts'
import { tally } from '../fixtures/fault-findings.ts'

const KILLS = 20

describe('the roles over real servers', () => {
  it('lose nothing, double nothing and bring nothing back, killed again and again under load', async () => {
    const findings = await runKillRound({ kills: KILLS, seed: 1, say: console.log })
    const { killed, releases, unanswered, unavailable, searches, refused } = findings
    console.log(
      `${tally(findings)}; unanswered ${unanswered}, unavailable ${unavailable}, searches ${searches}, refused ${refused}`,
      killed,
      releases,
    )
    expect(findings).toMatchObject({ lost: [], duplicated: [], resurrected: [], inconsistent: [] })
    expect(Math.min(...Object.values(killed))).toBeGreaterThanOrEqual(2)
    expect(releases['building']).toBeGreaterThanOrEqual(2)
    expect(releases['promoted']).toBeGreaterThanOrEqual(2)
    expect(findings.acknowledged).toBeGreaterThan(100)
    expect(findings.erased).toBeGreaterThan(20)
    expect(refused).toBeGreaterThan(0)
  }, 360_000)
})
