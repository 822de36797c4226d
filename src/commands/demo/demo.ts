import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
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
import { exitCodes } from '../exit-codes.ts'
import { raised } from '../stop-signal.ts'
import { showTraining } from '../training-stages.ts'
import { drawBeforeAfter } from './before-after.ts'
import { keepChronicle, type Chronicle } from './chronicle.ts'
import { dataSetData, sceneData, type DemoData } from './demo-data.ts'
import { publishStage, settled, statusOf } from './demo-stages.ts'
import { prepareDemoFolder } from './demo-folder.ts'
import { printResults, searchAll } from './demo-searches.ts'
import { writeReport } from './report.ts'
import type { Story } from './story.ts'

type DemoOptions = {
  readonly dataset?: string | undefined
  readonly backbone?: string | undefined
  /** Emptied first. */
  readonly data: string
  readonly port?: number | undefined
  readonly seed: number
  /** End when the story is told, instead of serving. */
  readonly exit: boolean
}

type DemoContext = {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly stdout: NodeJS.WriteStream
  /** Raised when the person wants it to end. */
  readonly signal: AbortSignal
}

const OUTPUT = 'demo'

/** How long what is in hand may take to end once the person wants it to; the next demo empties the folder anyway. */
const PATIENCE_MILLISECONDS = 1_000

/** The whole loop on generated scenes or on a data set: publish, train, index, stream, retrain, decide, release, search. */
export async function runDemo(options: DemoOptions, context: DemoContext): Promise<number> {
  const { stdout, signal } = context
  const progress = createProgress({ stream: stdout, isTerminal: stdout.isTTY })
  await prepareDemoFolder(options.data)
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
  const running: RunningRole[] = []
  const close = async (): Promise<void> => {
    await joinRoles(running).stop()
    await chronicle.stop()
    await services.closeServices()
    await platform.close()
  }
  const story = async (): Promise<number> => {
    const data = options.dataset === undefined ? sceneData(options.seed) : await dataSetData(options.dataset)
    running.push(await startServingRole(services))
    const events = { ...told(chronicle), onEvaluated: chronicle.evaluated }
    running.push(await startRoles(services, ['train', 'release', 'embed', 'erase'], events))
    await tellStory(services, running, data, progress, chronicle, signal)
    progress.stop()
    if (!options.exit) await serveUntilStopped(services, running, context)
    return statusOf(services.catalogue.models())
  }
  try {
    return await story()
  } catch (error) {
    if (!signal.aborted) throw error
    return exitCodes.interrupted.status
  } finally {
    progress.stop()
    await Promise.race([close(), ...(signal.aborted ? [delay(PATIENCE_MILLISECONDS)] : [])])
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

/** Starts the counter once the first part is there, and adds it to `running`. Rejects with the signal's reason. */
async function tellStory(
  services: Services,
  running: RunningRole[],
  data: DemoData,
  progress: Progress,
  chronicle: Chronicle,
  signal: AbortSignal,
): Promise<void> {
  const startedAt = services.clock()
  const stage = { signal, pauses: null }

  const first = await publishStage(services, chronicle.progress, { ...stage, name: 'publish', source: data.first })
  chronicle.say('pairs', `the first part is published: ${first.accepted.toLocaleString('en-GB')} pairs`)
  // The counter starts here, so that the first training is on the whole of the first part.
  running.push(await startRoles(services, ['count']))
  const interrupted = raised(signal).then(() => signal.throwIfAborted())
  const broken = Promise.race([joinRoles(running).failed, services.failed, interrupted])
  broken.catch(() => undefined) // nobody may be waiting just then
  const finish = async (): Promise<void> => {
    await counted(services, broken)
    await settled(services, broken, chronicle.progress)
  }
  await finish()
  if (services.catalogue.currentRelease() === null) throw noFirstModel(services)
  const before = await searchAll(services, data.queries)

  const stream = await publishStage(services, chronicle.progress, {
    ...stage,
    name: 'stream',
    source: data.stream,
    pauses: data.portion === null ? null : { every: data.portion, wait: finish },
  })
  chronicle.say('pairs', `the stream has ended: ${stream.accepted.toLocaleString('en-GB')} pairs`)
  await finish()
  if (data.manualAtEnd) {
    await requestRetraining(services, 'manual', 'demo')
    await settled(services, broken, chronicle.progress)
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
}

/** The counter's group has seen all that is published, so what it had to ask for it has asked for. */
async function counted({ log, catalogue }: Services, broken: Promise<unknown>): Promise<void> {
  const isThrough = async () => {
    const committed = await log.committedOffsets('count', 'pairs')
    return [...(await log.endOffsets('pairs'))].every(([partition, end]) => (committed.get(partition) ?? 0) >= end)
  }
  while (!(await isThrough())) await Promise.race([broken, delay(20)])
  await catalogue.caughtUp(log)
}

function noFirstModel({ catalogue }: Services): AppError {
  const model = catalogue.models().at(-1)
  const release = catalogue.releases().at(-1)
  return new AppError('training-failed', model?.detail ?? release?.reason ?? 'The first training gave no model.')
}

async function serveUntilStopped(
  services: Services,
  running: readonly RunningRole[],
  { stdout, signal }: DemoContext,
): Promise<void> {
  const { startApiRole } = await import('../../roles/api-role.ts')
  const api = await startApiRole(services)
  stdout.write(`\nSearch it at ${api.address}  (Ctrl-C ends it)\n`)
  try {
    await Promise.race([raised(signal), joinRoles(running).failed, services.failed])
  } finally {
    await api.stop()
  }
}
