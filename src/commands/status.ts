import { counterState } from '../consumers/retraining-request.ts'
import { pairsUntilCrossing } from '../core/counter.ts'
import { viewReleases } from '../core/release-chain.ts'
import { allDeadLetters } from '../roles/dead-letters.ts'
import { consumerLag } from '../roles/lag.ts'
import type { Services } from '../roles/services.ts'
import { print, printJson, type CommandContext } from './context.ts'
import type { ExitName } from './exit-codes.ts'
import { counted, percentage, wholeNumber } from './figures.ts'
import { formatTable } from './table.ts'
import { withServices } from './with-services.ts'

export type StatusOptions = { readonly json?: boolean }

const RELEASES_SHOWN = 5

type Status = Awaited<ReturnType<typeof readStatus>>

/** Says what is there, what serves, and how far everybody is. */
export function status({ json }: StatusOptions, context: CommandContext): Promise<ExitName> {
  return withServices<ExitName>(context, { access: 'share', needsData: true }, async (services) => {
    const state = await readStatus(services)
    if (json === true) printJson(context, state)
    else print(context, describeStatus(state))
    return 'ok'
  })
}

async function readStatus(services: Services) {
  const { catalogue, log, config, isAlone } = services
  const { images, pairs, counted: trainable } = catalogue.counts()
  const view = viewReleases(catalogue.releases())
  const dead = await allDeadLetters(log)
  const current = catalogue.currentRelease()
  return {
    dataFolder: config.DATA_DIR,
    /** Whether another process works on the folder: `serve`, as a rule. */
    running: !isAlone,
    images,
    pairs,
    trainable,
    training: trainingState(services),
    model: current?.modelVersion ?? null,
    generation: current?.generation ?? null,
    onProbation: view.onProbation,
    building: view.build === null ? null : { modelVersion: view.build.modelVersion, generation: view.build.generation },
    lag: await consumerLag(log, catalogue),
    deadRecords: dead.filter(({ replay }) => replay === null).length,
    releases: catalogue
      .releases()
      .slice(-RELEASES_SHOWN)
      .reverse()
      .map(({ state, modelVersion, generation, reason, decidedAt }) => ({
        decidedAt: new Date(decidedAt).toISOString(),
        state,
        modelVersion,
        generation,
        reason,
      })),
  }
}

/** How far the data set has grown since the last request, and how far it is to the next. */
function trainingState({ catalogue, config }: Services) {
  const state = counterState(catalogue)
  const settings = { threshold: config.RETRAIN_THRESHOLD, firstTrainingPairs: config.FIRST_TRAINING_PAIRS }
  return {
    base: state.base,
    newPairs: state.fresh,
    threshold: settings.threshold,
    pairsUntilNext: pairsUntilCrossing(state, settings),
  }
}

function describeStatus(state: Status): string {
  const { training } = state
  const growth =
    training.base === 0 ? '' : ` (${percentage(training.newPairs / training.base)} of ${wholeNumber(training.base)})`
  const lines: [string, string][] = [
    ['data folder', `${state.dataFolder}, ${state.running ? 'another process works on it' : 'nobody works on it'}`],
    [
      'data set',
      `${counted(state.images, 'picture')}, ${counted(state.pairs, 'captioned pair')}, ${wholeNumber(state.trainable)} to train on`,
    ],
    [
      'new pairs',
      `${wholeNumber(training.newPairs)}${growth}; the next training is ${counted(training.pairsUntilNext, 'pair')} away (threshold ${percentage(training.threshold)})`,
    ],
    [
      'model',
      state.model === null
        ? 'none yet'
        : `${state.model}, generation ${state.generation ?? '–'}${state.onProbation ? ', on probation' : ''}`,
    ],
    ['dead records', wholeNumber(state.deadRecords)],
  ]
  if (state.building !== null)
    lines.push(['building', `${state.building.modelVersion}, generation ${state.building.generation}`])
  const parts = [lines.map(([name, text]) => `${name.padEnd(14)}${text}`).join('\n')]
  if (state.lag.length > 0) {
    const rows = state.lag.map(({ group, topic, records }) => [group, topic, records])
    parts.push(formatTable(['consumer group', 'topic', 'records behind'], rows))
  }
  if (state.releases.length > 0) {
    const rows = state.releases.map((release) => [
      release.decidedAt,
      release.state,
      release.modelVersion,
      release.generation,
      release.reason,
    ])
    parts.push(formatTable(['decided at', 'state', 'model', 'generation', 'reason'], rows))
  }
  return parts.join('\n\n')
}
