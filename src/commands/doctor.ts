import { hasLog, openPlatform, serverChecks } from '../bootstrap.ts'
import type { Catalogue } from '../catalogue/catalogue.ts'
import { loadConfig, type Config } from '../config.ts'
import { examine, fact, failureOf, ofServer, type Check, type Examined } from '../roles/doctor/check.ts'
import { platformChecks } from '../roles/doctor/platform-checks.ts'
import { nodeCheck, surroundingChecks } from '../roles/doctor/surroundings.ts'
import { createServices } from '../roles/services.ts'
import { createLogger } from '../telemetry/logger.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { print, printJson, type CommandContext } from './context.ts'
import { describeExamined, isWell, summary } from './doctor-report.ts'
import type { ExitName } from './exit-codes.ts'
import { showFolding } from './folding.ts'

export type DoctorOptions = { readonly json?: boolean }

/** Asks every part whether it works, and says what is wrong and how to put it right. Nothing that is wrong keeps it from going on. */
export async function doctor({ json }: DoctorOptions, context: CommandContext): Promise<ExitName> {
  const all: Examined[] = []
  for await (const examined of examineAll(context)) {
    all.push(examined)
    if (json !== true) print(context, describeExamined(examined, context))
  }
  if (json === true) printJson(context, { well: all.every(isWell), checks: all })
  else print(context, `\n${summary(all)}`)
  return all.every(isWell) ? 'ok' : 'failed'
}

async function* examineAll(context: CommandContext): AsyncGenerator<Examined> {
  let config: Config
  try {
    config = loadConfig(context.environment)
  } catch (error) {
    yield await examine(nodeCheck)
    yield { name: 'configuration', findings: [failureOf(error)] }
    return
  }
  yield* examineEach([...surroundingChecks(config), ...serverChecks(config).map(ofServer)])
  // Looking must not begin a log: how many partitions it has is for whoever starts the first role to say.
  const without = await hasLog(config).then((is) => (is ? null : fact('nothing was published yet')), failureOf)
  if (without === null) yield* examinePlatform(config, context)
  else yield { name: 'event log', findings: [without] }
}

/** What the ports say, or why they cannot be opened. */
async function* examinePlatform(config: Config, context: CommandContext): AsyncGenerator<Examined> {
  const opened: { platform?: Awaited<ReturnType<typeof openPlatform>> } = {}
  const opening: Check = {
    name: 'opening',
    async run(advanced) {
      const folding = showFolding(context)
      try {
        const onFolded = (catalogue: Catalogue): void => {
          advanced()
          folding.look(catalogue)
        }
        opened.platform = await openPlatform(config, 'look', { onFolded })
      } finally {
        folding.stop()
      }
      return [fact('every driver opens')]
    },
  }
  yield await examine(opening)
  const { platform } = opened
  if (platform === undefined) return
  try {
    const services = await createServices(platform, createLogger({ level: 'silent' }), createMetrics())
    try {
      yield* examineEach(platformChecks(services))
    } finally {
      await services.closeServices()
    }
  } finally {
    await platform.close()
  }
}

async function* examineEach(checks: readonly Check[]): AsyncGenerator<Examined> {
  for (const check of checks) yield await examine(check)
}
