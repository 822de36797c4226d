import { AppError, toAppError } from '../core/errors.ts'
import type { Split } from '../core/split.ts'
import { openSource } from '../producers/detect.ts'
import type { PublishReport } from '../producers/publish-report.ts'
import { publishSource } from '../producers/publish-source.ts'
import type { Source } from '../producers/source.ts'
import { startSchedule } from '../producers/schedule.ts'
import { watchFolder } from '../producers/watch.ts'
import type { Services } from '../roles/services.ts'
import { audited } from './audited.ts'
import { print, printJson, type CommandContext } from './context.ts'
import type { ExitName } from './exit-codes.ts'
import { counted } from './figures.ts'
import { currentUser } from './option-values.ts'
import { createProgress, type Progress } from './progress.ts'
import { formatReport, joinReports } from './publish-summary.ts'
import { raised } from './stop-signal.ts'
import { withServices } from './with-services.ts'

export type PublishOptions = {
  readonly format?: string | undefined
  readonly split?: Split | undefined
  readonly watch?: boolean
  readonly schedule?: string | undefined
  readonly json?: boolean
}

type Publishing = {
  readonly path: string
  readonly options: PublishOptions
  readonly services: Services
  readonly progress: Progress
  readonly context: CommandContext
}

/** Publishes a source once, whenever a schedule says so, or as its files appear. */
export async function publish(path: string, options: PublishOptions, context: CommandContext): Promise<ExitName> {
  refuseMixtures(options)
  const { stderr, signal } = context
  const progress = createProgress({ stream: stderr, isTerminal: stderr.isTTY })
  // A source that cannot be opened should leave no data folder behind.
  const first = options.watch === true ? null : await openIt(path, options)
  const report = await withServices(context, { access: 'append' }, async (services) => {
    const publishing = { path, options, services, progress, context }
    const work = (): Promise<PublishReport> => {
      if (first === null) return follow(publishing)
      return options.schedule === undefined ? scan(publishing, first) : repeat(publishing, first, options.schedule)
    }
    const count = ({ accepted }: PublishReport): number => accepted
    try {
      const report = await audited(services, { action: 'pairs:publish', by: currentUser(), count }, work)
      const isOnce = first !== null && options.schedule === undefined
      if (isOnce && services.isAlone) progress.say(null, "nobody indexes these pairs yet: 'pairstream serve' does")
      return report
    } finally {
      progress.stop()
    }
  })
  if (options.json === true) printJson(context, report)
  else print(context, formatReport(report))
  if (report.rejected > 0) return 'rejected'
  const endless = options.watch === true || options.schedule !== undefined
  return report.interrupted && signal.aborted && !endless ? 'interrupted' : 'ok'
}

function refuseMixtures({ watch, schedule, format, split }: PublishOptions): void {
  if (watch !== true) return
  const other = Object.entries({ schedule, format, split }).find(([, value]) => value !== undefined)
  if (other === undefined) return
  throw new AppError(
    'invalid-request',
    `--watch follows a folder of pictures and takes no --${other[0]}; leave one of them out.`,
  )
}

const openIt = (path: string, { format, split }: PublishOptions): Promise<Source> => openSource(path, { format, split })

/** Reads the source from end to end, and publishes what is new. */
async function scan({ services, progress, context }: Publishing, source: Source): Promise<PublishReport> {
  const stage = progress.stage('publish', source.total)
  try {
    const report = await publishSource(source, services.publisher, {
      signal: context.signal,
      onProgress({ accepted, duplicate, rejected }) {
        stage.update(accepted + duplicate + rejected, rejected === 0 ? '' : `${rejected} rejected`)
      },
    })
    stage.finish(`${report.interrupted ? 'stopped' : source.describe}, ${counted(report.accepted, 'new pair')}`)
    return report
  } catch (error) {
    stage.fail('ended early; run it again to go on')
    throw error
  }
}

/** Scans at once and then at the times of the cron expression, until it is told to stop. */
async function repeat(publishing: Publishing, first: Source, cron: string): Promise<PublishReport> {
  const { path, options, progress, context } = publishing
  let total = joinReports([])
  const again = async (source: Source): Promise<void> => {
    const report = await scan(publishing, source)
    total = joinReports([total, report])
  }
  const schedule = startSchedule(
    cron,
    // Opened anew, because files may have come or gone.
    async () => again(await openIt(path, options)),
    (error) => progress.say(null, toAppError(error).message),
  )
  try {
    await again(first)
    const next = schedule.next()
    if (next !== null) progress.say(null, `the next scan is at ${new Date(next).toLocaleString()}; Ctrl-C ends it`)
    await raised(context.signal)
  } finally {
    await schedule.stop()
  }
  return total
}

/** Publishes the folder's pictures as they appear, until it is told to stop. */
async function follow({ path, services, progress, context }: Publishing): Promise<PublishReport> {
  let total = joinReports([])
  const watch = await watchFolder(path, services.publisher, {
    onReport(report) {
      total = joinReports([total, report])
      const { accepted, rejections } = report
      const reasons = rejections.map(({ code, examples }) => `${code} (${examples[0]?.detail ?? ''})`).join(', ')
      if (reasons !== '') progress.say('pairs', `${report.source}: rejected, ${reasons}`)
      else if (accepted > 0) progress.say('pairs', `${report.source}: ${counted(accepted, 'new pair')}`)
    },
    onError: (error) => progress.say(null, `${toAppError(error).message} Trying again soon.`),
  })
  progress.say(null, `watching ${path}; Ctrl-C ends it`)
  await raised(context.signal)
  await watch.stop()
  return total
}
