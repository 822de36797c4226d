import type { RungStandings } from '../training/tune/halving.ts'
import type { Tuning } from '../training/tune/plan-tuning.ts'
import type { TuningEvents } from '../training/tune/run-tuning.ts'
import { counted, percentage } from './figures.ts'
import type { Progress, Stage } from './progress.ts'
import { showReading } from './reading-stages.ts'

/** A stage for the features, one for what a sentence encoder reads, one for the epochs of all trainings, which gives the time left, and a line for each rung that ends. */
export function showTuning(progress: Progress, { rungs }: Pick<Tuning, 'rungs'>): TuningEvents {
  let epochs: Stage | null = null
  let best = ''
  return {
    ...showReading(progress),
    onProgress({ training, rung, epochsDone, epochsInAll }) {
      epochs ??= progress.stage('epochs', epochsInAll)
      const { trial, fold } = training
      const round = `rung ${rung.number}/${rungs.length}`
      const note = `${round}, trial ${trial}, fold ${fold + 1}/${rung.folds}${best}`
      epochs.update(epochsDone, note)
    },
    onRung(round) {
      const { rung, standings } = round
      best = bestOf(round)
      const extent = `${counted(rung.epochs, 'epoch')} on ${counted(rung.folds, 'fold')}`
      progress.say(null, `rung ${rung.number}/${rungs.length}: ${counted(standings.length, 'trial')}, ${extent}${best}`)
      if (rung.number === rungs.length) epochs?.finish('all trials that were left are compared on all folds')
    },
  }
}

function bestOf({ standings }: RungStandings): string {
  const [first] = standings
  return first?.mean == null ? '' : `, best ${percentage(first.mean)} (trial ${first.trial})`
}
