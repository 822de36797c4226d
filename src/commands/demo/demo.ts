import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openPlatform } from '../../bootstrap.ts'
import { loadConfig } from '../../config.ts'
import { AppError } from '../../core/errors.ts'
import { requestRetraining } from '../../roles/commands.ts'
import { joinRoles, type RunningRole } from '../../roles/role.ts'
import { createServices, type Services } from '../../roles/services.ts'
import { startRoles } from '../../roles/start-roles.ts'
import { startServingRole } from '../../roles/serving-role.ts'
import { createLogger } from '../../telemetry/logger.ts'
import type { TrainingEvents } from '../../training/train-request.ts'
import { createMetrics } from '../../telemetry/metrics.ts'
import { createProgress, type Progress } from '../progress.ts'
import { showTraining } from '../training-stages.ts'
import { drawBeforeAfter } from './before-after.ts'
import { keepChronicle, type Chronicle } from './chronicle.ts'
import { dataSetData, sceneData, type DemoData } from './demo-data.ts'
import { publishStage, settled } from './demo-stages.ts'
import { emptyDataFolder } from './empty-folder.ts'
import { printResults, searchAll } from './demo-searches.ts'
import { writeReport } from './report.ts'
import type { Story } from './story.ts'

export type DemoOptions = {
  readonly dataset?: string | undefined
  readonly backbone?: string | undefined
  /** Emptied first. */
  readonly data: string
  readonly port?: number | undefined
  readonly seed: number
  /** End when the story is told, instead of serving. */
  readonly exit: boolean
}

export type DemoContext = {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly stdout: NodeJS.WriteStream
  /** Raised when the person wants it to end. */
  readonly signal: AbortSignal
}

const OUTPUT = 'demo'

/** The whole loop on generated scenes or on a data set: publish, train, index, stream, retrain, decide, release, search. */
export async function runDemo(options: DemoOptions, context: DemoContext): Promise<number> {
  const { stdout } = context
  const progress = createProgress({ stream: stdout, isTerminal: stdout.isTTY })
  await emptyDataFolder(options.data)
  const config = loadConfig(
    { LOG_LEVEL: 'warn', ...context.environment },
    {
      DATA_DIR: options.data,
      BACKBONE_DIR: options.backbone,
      PORT: options.port,
      FIRST_TRAINING_PAIRS: 1,
      TRAINING_SEED: options.seed,
    },
  )
  const platform = await openPlatform(config, 'own')
  const services = await createServices(platform, createLogger({ level: config.LOG_LEVEL }), createMetrics())
  const chronicle = await keepChronicle(services, progress)
  let running: RunningRole | null = null
  try {
    const data = options.dataset === undefined ? sceneData(options.seed) : await dataSetData(options.dataset)
    const serving = await startServingRole(services)
    const events = {
      ...told(chronicle),
      onEvaluated: chronicle.evaluated,
    }
    const workers = await startRoles(services, ['train', 'release', 'embed', 'erase'], events)
    running = joinRoles([serving, workers])
    running = await tellStory(services, running, data, progress, chronicle)
    progress.stop()
    if (!options.exit) await serveUntilStopped(services, running, context)
    return 0
  } finally {
    progress.stop()
    await running?.stop()
    await chronicle.stop()
    await services.closeServices()
    await platform.close()
  }
}

/** Shows a training, and writes down what came of it. */
function told({ progress, trained }: Chronicle): TrainingEvents {
  const shown = showTraining(progress)
  return {
    ...shown,
    onTrained(modelVersion, result, pairs) {
      trained(modelVersion, result, pairs)
      shown.onTrained?.(modelVersion, result, pairs)
    },
  }
}

async function tellStory(
  services: Services,
  workers: RunningRole,
  data: DemoData,
  progress: Progress,
  chronicle: Chronicle,
): Promise<RunningRole> {
  const startedAt = services.clock()
  const finish = (running: RunningRole) => settled(services, running, chronicle.progress)

  const first = await publishStage(services, chronicle.progress, { name: 'publish', source: data.first, pauses: null })
  chronicle.say('pairs', `the first part is published: ${first.accepted.toLocaleString('en-GB')} pairs`)
  // The counter starts here, so that the first training is on the whole of the first part.
  const running = joinRoles([workers, await startRoles(services, ['count'])])
  await counted(services, running)
  await finish(running)
  if (services.catalogue.currentRelease() === null) throw noFirstModel(services)
  const before = await searchAll(services, data.queries)

  const stream = await publishStage(services, chronicle.progress, {
    name: 'stream',
    source: data.stream,
    pauses:
      data.portion === null
        ? null
        : {
            every: data.portion,
            wait: async () => {
              await counted(services, running)
              await finish(running)
            },
          },
  })
  chronicle.say('pairs', `the stream has ended: ${stream.accepted.toLocaleString('en-GB')} pairs`)
  await counted(services, running)
  await finish(running)
  if (data.manualAtEnd) {
    await requestRetraining(services, 'manual', 'demo')
    await finish(running)
  }
  const after = await searchAll(services, data.queries)

  const story: Story = {
    title: data.title,
    startedAt,
    endedAt: services.clock(),
    stages: chronicle.stages,
    lines: chronicle.lines,
    models: chronicle.models(),
    decisions: chronicle.decisions,
    queries: data.queries.map(({ text }, i) => ({ query: text, before: before[i] ?? [], after: after[i] ?? [] })),
  }
  printResults(story, services.catalogue.currentRelease()?.modelVersion ?? null, progress)
  await mkdir(OUTPUT, { recursive: true })
  await writeFile(join(OUTPUT, 'before-after.png'), await drawBeforeAfter(story.queries))
  await writeFile(join(OUTPUT, 'report.html'), await writeReport(story))
  progress.say(null, `pictures: ${join(OUTPUT, 'before-after.png')}   report: ${join(OUTPUT, 'report.html')}`)
  return running
}

/** The counter's group has seen all that is published, so what it had to ask for it has asked for. */
async function counted(services: Services, running: RunningRole): Promise<void> {
  const { log, catalogue } = services
  const isThrough = async () => {
    const committed = await log.committedOffsets('count', 'pairs')
    return [...(await log.endOffsets('pairs'))].every(([partition, end]) => (committed.get(partition) ?? 0) >= end)
  }
  while (!(await isThrough())) await Promise.race([running.failed, new Promise((resolve) => setTimeout(resolve, 20))])
  await catalogue.caughtUp(log)
}

function noFirstModel({ catalogue }: Services): AppError {
  const model = catalogue.models().at(-1)
  const release = catalogue.releases().at(-1)
  return new AppError('training-failed', model?.detail ?? release?.reason ?? 'The first training gave no model.')
}

async function serveUntilStopped(
  services: Services,
  running: RunningRole,
  { stdout, signal }: DemoContext,
): Promise<void> {
  const { startApiRole } = await import('../../roles/api-role.ts')
  const api = await startApiRole(services)
  stdout.write(`\nSearch it at ${api.address}  (Ctrl-C ends it)\n`)
  const stopped = new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  try {
    await Promise.race([stopped, running.failed, services.failed])
  } finally {
    await api.stop()
  }
}
