import { readFile } from 'node:fs/promises'
import { loadConfig } from '../config.ts'
import { AppError } from '../core/errors.ts'
import type { Services } from '../roles/services.ts'
import { adoptWinner } from '../training/tune/adopt-winner.ts'
import { planTuning, type Tuning } from '../training/tune/plan-tuning.ts'
import { runTuning } from '../training/tune/run-tuning.ts'
import { parseSearchSpace, type SearchSpace } from '../training/tune/search-space.ts'
import { audited } from './audited.ts'
import { print, printJson, remark, type CommandContext } from './context.ts'
import type { AuditedOptions } from './erase.ts'
import type { ExitName } from './exit-codes.ts'
import { counted } from './figures.ts'
import { createProgress } from './progress.ts'
import { resetDefaults, showDefaults } from './tuned-defaults.ts'
import { describeTuning, tuningReport } from './tuning-report.ts'
import { showTuning } from './tuning-stages.ts'
import { withServices } from './with-services.ts'

export type TuneOptions = AuditedOptions & {
  readonly trials: number
  readonly folds: number
  readonly seed: number
  readonly space?: string | undefined
  readonly snapshot?: string | undefined
  readonly adopt: boolean
  readonly show?: boolean
  readonly reset?: boolean
}

/** Searches for hyperparameters that do better on held-out folds of the training pictures, and makes the best the new default. */
export async function tune(options: TuneOptions, context: CommandContext): Promise<ExitName> {
  const space = options.space === undefined ? null : await readSpace(options.space)
  const config = loadConfig(context.environment)
  // A search takes long, which must keep nobody from serving. What is erased meanwhile is folded by whoever erases it where the log is
  // embedded, and else only by this process.
  const access = config.drivers.eventLog.kind === 'sqlite' ? 'append' : 'share'
  return withServices<ExitName>(context, { access, config, needsData: true }, async (services) => {
    if (options.show === true) return showDefaults(services, options, context)
    if (options.reset === true)
      return audited(services, { action: 'hyperparameters:reset', by: options.by }, () =>
        resetDefaults(services, options, context),
      )
    return search(services, options, space, context)
  })
}

async function readSpace(path: string): Promise<SearchSpace> {
  let given: unknown
  try {
    given = JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw new AppError('invalid-request', `--space: ${path} is no JSON file that can be read.`, { cause })
  }
  return parseSearchSpace(given)
}

async function search(
  services: Services,
  options: TuneOptions,
  space: SearchSpace | null,
  context: CommandContext,
): Promise<ExitName> {
  const { config } = services
  const { adopt, by, json } = options
  const { signal, stderr } = context
  const progress = createProgress({ stream: stderr, isTerminal: stderr.isTTY })
  try {
    const settings = {
      trainingSeed: config.TRAINING_SEED,
      textTower: config.TEXT_TOWER,
      imageHead: config.IMAGE_HEAD,
      imageRegions: config.IMAGE_REGIONS,
      imageViews: config.IMAGE_VIEWS,
      maximumEpochs: config.TRAINING_EPOCHS,
      adapterWidth: config.CLIP_ADAPTER_WIDTH,
    }
    const tuning = await planTuning(
      { ...options, space, snapshot: options.snapshot ?? null },
      { ...services, ...settings },
    )
    progress.say(null, announcement(tuning))
    const { tuningFolder, trainingFolder, THREADS: threads } = config
    const events = showTuning(progress, tuning)
    const work = { ...services, tuningFolder, trainingFolder, threads, events }
    const ended = await runTuning(tuning, work, signal)
    const deed = { action: 'hyperparameters:adopt', object: tuning.digest, by }
    const adopted = adopt && (await audited(services, deed, () => adoptWinner(tuning, ended, by, services)))
    const report = tuningReport(tuning, ended, adopted)
    if (json === true) printJson(context, report)
    else print(context, describeTuning(report))
    return 'ok'
  } catch (error) {
    if (!signal.aborted) throw error
    remark(context, 'Stopped before the end; the same command goes on from here.')
    return 'interrupted'
  } finally {
    progress.stop()
  }
}

function announcement({ digest, images, pairs, trials, rungs, snapshot }: Tuning): string {
  const data = `${counted(images.length, 'picture')} with ${counted(pairs, 'caption')}`
  return `search ${digest}: ${counted(trials.length, 'trial')}, ${counted(rungs.length, 'rung')}, on ${data} (${snapshot})`
}
