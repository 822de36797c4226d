import { describe, expect, it } from 'vitest'
import { runKillRound } from './faults/kill-round.ts'
import { KILLS_A_ROUND } from './faults/thresholds.ts'
import { tally } from '../fixtures/fault-findings.ts'

describe('the roles over real servers', () => {
  it('lose nothing, double nothing and bring nothing back, killed again and again under load', async () => {
    const findings = await runKillRound({ kills: KILLS_A_ROUND, seed: 1, say: console.log })
    const { killed, moments, behind, longAbsences, overlapping, takeovers, models, releases } = findings
    const { byCaption, byPicture, unanswered, unavailable, searches, refused } = findings
    console.log(
      `${tally(findings)}; by caption ${byCaption}, by picture ${byPicture}; unanswered ${unanswered}, unavailable ${unavailable}, searches ${searches}, refused ${refused}`,
      { killed, moments, behind, longAbsences, overlapping, takeovers, models, releases },
    )
    expect(findings).toMatchObject({ lost: [], duplicated: [], resurrected: [], inconsistent: [], missed: [] })
  }, 480_000)
})
