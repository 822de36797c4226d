import { openPlatform } from '../bootstrap.ts'
import { loadConfig, type Config } from '../config.ts'
import { serverChecks } from '../bootstrap.ts'
import { examine, fact, failureOf, ofServer, type Check, type Examined } from '../roles/doctor/check.ts'
import { platformChecks } from '../roles/doctor/platform-checks.ts'
import { nodeCheck, surroundingChecks } from '../roles/doctor/surroundings.ts'
import { createServices } from '../roles/services.ts'
import { createLogger } from '../telemetry/logger.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { print, printJson, type CommandContext } from './context.ts'
import { describeExamined, isWell, summary } from './doctor-report.ts'
import type { ExitName } from './exit-codes.ts'
import { isUntouched } from './with-services.ts'

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
  if (isUntouched(config))
    yield { name: 'event log', findings: [fact('nothing was published yet')] } // and looking must not begin it
  else yield* examinePlatform(config)
}

/** What the ports say, or why they cannot be opened. */
async function* examinePlatform(config: Config): AsyncGenerator<Examined> {
  const opened: { platform?: Awaited<ReturnType<typeof openPlatform>> } = {}
  const opening: Check = {
    name: 'opening',
    async run() {
      opened.platform = await openPlatform(config, 'share')
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
