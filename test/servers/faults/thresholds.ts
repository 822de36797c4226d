import type { RoundFindings } from './kill-round.ts'

/** A full round; in a shorter one nothing is asked for. */
export const KILLS_A_ROUND = 20

/** What a full round must have had, so that it shows something; what of that it had not, in words. */
export function missedIn(round: Omit<RoundFindings, 'missed'>, names: readonly string[], kills: number): string[] {
  if (kills < KILLS_A_ROUND) return []
  const missed: string[] = []
  const atLeast = (least: number, found: number | undefined, what: string): void => {
    if ((found ?? 0) < least) missed.push(`${what}: ${found ?? 0}, not ${least} or more`)
  }
  for (const name of names) atLeast(2, round.killed[name], `kills of ${name}`)
  for (const moment of ['building', 'training', 'asked'] as const)
    atLeast(1, round.moments[moment], `kills of who was ${moment}`)
  for (const name of names) if (name !== 'api') atLeast(1, round.behind[name], `kills of ${name} with records waiting`)
  atLeast(2, round.longAbsences, 'absences that were longer than a session')
  atLeast(3, round.overlapping, 'kills while another was away')
  atLeast(1, round.takeovers, 'partitions taken over by a survivor')
  atLeast(2, round.models['trained'], 'models trained')
  atLeast(2, round.releases['building'], 'generations built')
  atLeast(2, round.releases['promoted'], 'promotions')
  atLeast(1, round.releases['reverted'], 'reversions')
  atLeast(100, round.acknowledged, 'pairs')
  atLeast(20, round.erased, 'erasures')
  atLeast(1, round.refused, 'refused publications of erased pairs')
  for (const outcome of Object.keys(round.models)) {
    if (outcome !== 'trained' && outcome !== 'superseded') missed.push(`a training that ended as ${outcome}`)
  }
  return missed
}
