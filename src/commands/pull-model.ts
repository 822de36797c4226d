import { loadConfig, type Config } from '../config.ts'
import type { Precision } from '../models/hub/choose-files.ts'
import { createHub } from '../models/hub/hub.ts'
import { parseModelName } from '../models/hub/model-name.ts'
import { usualPatience, type Persistence } from '../models/hub/patience.ts'
import {
  openPulledModel,
  pullModel,
  type PulledModel,
  type PullEvents,
  type PullOrder,
} from '../models/hub/pull-model.ts'
import { hubAddress } from '../models/hub/request.ts'
import { useOf } from '../models/hub/use-of-model.ts'
import { print, printJson, remark, type CommandContext } from './context.ts'
import type { ExitName } from './exit-codes.ts'
import { counted, duration, megabytes } from './figures.ts'
import { createProgress, type Progress, type Stage } from './progress.ts'

export type PullOptions = {
  readonly precision?: Precision
  readonly sha256?: string
  readonly offline?: boolean
  readonly json?: boolean
}

/** Downloads a model, or checks one that was downloaded before, and says how it is used. */
export async function pull(text: string, options: PullOptions, context: CommandContext): Promise<ExitName> {
  const config = loadConfig(context.environment)
  const name = parseModelName(text)
  const order: PullOrder = { name, precision: options.precision ?? null, sha256: options.sha256 ?? null }
  const isOffline = options.offline === true || config.HUB_OFFLINE === 'true'
  const { stderr, signal } = context
  const progress = createProgress({ stream: stderr, isTerminal: stderr.isTTY })
  try {
    const model = isOffline
      ? await openPulledModel(order, config.hubFolder, signal)
      : await pullFromHub(order, config, progress, signal)
    if (options.json === true) printJson(context, { ...model, use: await useOf(model.folder) })
    else print(context, await summary(model))
    return 'ok'
  } catch (error) {
    if (!signal.aborted) throw error
    progress.stop()
    remark(context, 'Stopped before the end. What was fetched is kept: the same command goes on from there.')
    return 'interrupted'
  } finally {
    progress.stop()
  }
}

function pullFromHub(order: PullOrder, config: Config, progress: Progress, signal: AbortSignal): Promise<PulledModel> {
  const onPause: Persistence['onPause'] = ({ message }, wait) =>
    progress.say(null, `${message} Trying again in ${duration(wait)}.`)
  const hub = createHub(hubAddress(config.HUB_URL, config.HUB_TOKEN), { patience: usualPatience, signal, onPause })
  const { hubFolder, HUB_MAX_BYTES: maxBytes } = config
  return pullModel(order, { hub, hubFolder, maxBytes, events: showPull(progress) })
}

/** A stage for each file, in kilobytes, and one for the trial. */
function showPull(progress: Progress): PullEvents {
  const kilobytes = (bytes: number): number => Math.ceil(bytes / 1000)
  let file: { readonly path: string; readonly stage: Stage } | null = null
  let trial: { readonly stage: Stage; readonly files: readonly string[]; passed: number } | null = null
  return {
    onWait: () => progress.say(null, 'another pull of this model is under way; waiting for it'),
    onBytes(path, done, total) {
      if (file?.path !== path) file = { path, stage: progress.stage(path, total === null ? null : kilobytes(total)) }
      file.stage.update(kilobytes(done), 'kB')
    },
    onFile({ path, bytes }) {
      const stage = file?.path === path ? file.stage : progress.stage(path, kilobytes(bytes))
      stage.finish(megabytes(bytes))
      file = null
    },
    onTrial(files) {
      trial = { stage: progress.stage('trial', files.length), files, passed: 0 }
      trial.stage.update(0, files[0])
    },
    onPassed() {
      if (trial === null) return
      trial.passed += 1
      trial.stage.update(trial.passed, trial.files[trial.passed])
      if (trial.passed === trial.files.length) trial.stage.finish('all files open in a process of their own')
    },
  }
}

async function summary(model: PulledModel): Promise<string> {
  const { repository, revision, commit, licence, precision, digest, files, fetched, folder } = model
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  const what = `${counted(files.length, 'file')}, ${megabytes(bytes)}, ${precision}`
  const how = fetched === 0 ? 'was here already, every file is as it was pulled' : 'is here'
  const lines = [
    `${repository}@${revision} ${how}: ${what}, licence ${licence ?? 'not said'}.`,
    '',
    `  folder   ${folder}`,
    `  pinned   pairstream models pull ${repository}@${commit} --precision ${precision} --sha256 ${digest}`,
  ]
  const use = await useOf(folder)
  return [...lines, ...(use === null ? [] : [`  use it   ${use}`])].join('\n')
}
