import type { Services } from '../roles/services.ts'
import { adopt, adoptedFor, builtInHyperparameters, withValues } from '../training/tune/adopted-hyperparameters.ts'
import { print, printJson, type CommandContext } from './context.ts'
import type { AuditedOptions } from './erase.ts'
import type { ExitName } from './exit-codes.ts'
import { counted, percentage } from './figures.ts'
import { formatTable } from './table.ts'

async function occasionOf({ catalogue, backbone, sentenceEncoder, clock }: Services) {
  const networks = { backbone: (await backbone()).id, sentenceEncoder: (await sentenceEncoder())?.id ?? null }
  return { ...networks, pairs: catalogue.counts().counted, at: clock() }
}

/** Prints what a training that is requested now would use, and where that comes from. */
export async function showDefaults(
  services: Services,
  { json }: Pick<AuditedOptions, 'json'>,
  context: CommandContext,
): Promise<ExitName> {
  const { config } = services
  const clipWidth = (await services.clip())?.width
  const occasion = await occasionOf(services)
  const adopted = await adoptedFor(occasion, services)
  const builtIn = builtInHyperparameters(occasion.pairs, clipWidth)
  const hyperparameters = withValues(occasion.pairs, adopted?.values ?? null, {
    textTower: config.TEXT_TOWER,
    imageHead: config.IMAGE_HEAD,
    imageRegions: config.IMAGE_REGIONS,
    imageViews: config.IMAGE_VIEWS,
    maximumEpochs: config.TRAINING_EPOCHS,
    exportPrecision: config.EXPORT_PRECISION,
    adapterWidth: config.CLIP_ADAPTER_WIDTH,
    clipWidth,
  })
  const source = adopted === null ? 'built-in' : 'tuned'
  if (json === true) {
    printJson(context, { source, pairs: occasion.pairs, hyperparameters, adopted })
    return 'ok'
  }
  const names = Object.keys(hyperparameters) as (keyof typeof hyperparameters)[]
  const rows = names.map((name) => [
    name,
    String(hyperparameters[name]),
    hyperparameters[name] === builtIn[name] ? '' : String(builtIn[name]),
  ])
  const right = (title: string) => ({ title, align: 'right' as const })
  print(context, formatTable(['hyperparameter', right('now'), right('built in')], rows))
  print(context, '')
  print(context, describeSource(adopted, occasion.pairs))
  return 'ok'
}

function describeSource(adopted: Awaited<ReturnType<typeof adoptedFor>>, pairs: number): string {
  if (adopted === null) return `Built in, for ${counted(pairs, 'pair')}; 'pairstream tune' searches for better ones.`
  const { adoptedBy, adoptedAt, tuning, score } = adopted
  const reached = score === null ? '' : ` with ${percentage(score)}`
  const when = new Date(adoptedAt).toISOString()
  return `Found by search ${tuning ?? '–'} on ${counted(adopted.pairs, 'pair')}${reached}, adopted by ${adoptedBy} at ${when}.`
}

/** Goes back to the built-in hyperparameters, for trainings that are requested from now on. */
export async function resetDefaults(
  services: Services,
  { by, json }: AuditedOptions,
  context: CommandContext,
): Promise<ExitName> {
  const occasion = await occasionOf(services)
  const adopted = await adoptedFor(occasion, services)
  if (adopted !== null) {
    const { at: adoptedAt, ...data } = occasion
    const record = {
      ...data,
      adoptedAt,
      adoptedBy: by,
      values: null,
      before: adopted.values,
      tuning: null,
      score: null,
    }
    await adopt(record, services.blobs)
  }
  if (json === true) printJson(context, { reset: adopted !== null })
  else {
    const was = adopted === null ? 'Later trainings use' : 'Later trainings go back to'
    print(context, `${was} the built-in hyperparameters.`)
  }
  return 'ok'
}
