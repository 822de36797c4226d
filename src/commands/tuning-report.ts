import type { Search, Standing } from '../training/tune/halving.ts'
import type { Tuning } from '../training/tune/plan-tuning.ts'
import { differences } from '../training/tune/sample-trials.ts'
import type { SearchedValues } from '../training/tune/search-space.ts'
import { signed } from './figures.ts'
import { formatTable } from './table.ts'

/** What a search came to, for programs; scores are means of Recall@1, @5 and @10 both ways, as shares. */
export type TuningReport = ReturnType<typeof tuningReport>

export function tuningReport(tuning: Tuning, { rungs, winner }: Search, adopted: boolean) {
  const { digest, snapshot, images, pairs, backbone, folds, seed, trials } = tuning
  const first = trials[0]?.values ?? {}
  const last = rungs.at(-1)?.standings ?? []
  const scoreOf = (trial: number | null) => last.find((standing) => standing.trial === trial)?.mean ?? null
  const [best, before] = [scoreOf(winner), scoreOf(1)]
  return {
    tuning: digest,
    snapshot,
    images: images.length,
    pairs,
    backbone: backbone.id,
    folds,
    seed,
    winner,
    score: best,
    gain: best === null || before === null ? null : best - before,
    adopted,
    /** Whether it was adopted by this or an earlier run. */
    isDefault: adopted || tuning.inForce?.tuning === digest || winner === 1,
    rungs: rungs.map(({ rung, standings }) => ({ ...rung, standings })),
    trials: trials.map(({ number, values }) => ({ trial: number, differences: differences(values, first) })),
  }
}

const describeValues = (values: SearchedValues): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')

function describeScore(standing: Standing | undefined): string {
  if (standing === undefined) return ''
  if (standing.failed) return 'failed'
  const { mean, deviation } = standing
  if (mean === null) return ''
  return deviation === null ? percent(mean) : `${percent(mean)} ± ${percent(deviation)}`
}

const percent = (share: number): string => (100 * share).toFixed(1)

/** The furthest trials first, of those that came as far the best. */
function byStanding(rungs: TuningReport['rungs']): readonly number[] {
  const order = rungs.toReversed().flatMap(({ standings }) => standings.map(({ trial }) => trial))
  return [...new Set(order)]
}

/** The trials by rung, and what is made of them. */
export function describeTuning(report: TuningReport): string {
  const { rungs, trials, winner } = report
  const titles = rungs.map(({ number, epochs, folds }) => ({
    title: `rung ${number} (${epochs} ep., ${folds} f.)`,
    align: 'right' as const,
  }))
  const rows = byStanding(rungs).map((trial) => {
    const given = trials.find((other) => other.trial === trial)
    const scores = rungs.map(({ standings }) => describeScore(standings.find((other) => other.trial === trial)))
    return [trial, ...scores, trial === 1 ? 'the default' : describeValues(given?.differences ?? {})]
  })
  const table = formatTable(['trial', ...titles, 'differs in'], rows)
  return `${table}\n\nMean of Recall@1, @5 and @10 both ways in per cent, ± its deviation over the folds.\n${describeWinner(report, winner)}`
}

function describeWinner({ adopted, isDefault, gain }: TuningReport, winner: number | null): string {
  if (winner === null) return 'No trial came to the end; the default stays.'
  if (winner === 1) return 'Nothing did better than the default, which stays.'
  const name = `Trial ${winner}${gain === null ? '' : ` (${signed(100 * gain, 1)} points)`}`
  if (adopted)
    return `${name} is the default of later trainings; 'pairstream tune --reset' goes back to the built-in one.`
  return isDefault ? `${name} is the default already.` : `${name} did best; without --no-adopt it becomes the default.`
}
