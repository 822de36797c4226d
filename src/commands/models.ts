import type { ModelTrained, ReleaseRecord } from '../core/events.ts'
import { AppError } from '../core/errors.ts'
import { lastWordOn } from '../core/release-chain.ts'
import { promoteModel, revertRelease } from '../roles/commands.ts'
import type { Services } from '../roles/services.ts'
import { audited, auditedRead } from './audited.ts'
import { print, printJson, remark, type CommandContext } from './context.ts'
import type { AuditedOptions } from './erase.ts'
import type { ExitName } from './exit-codes.ts'
import { percentage } from './figures.ts'
import { currentUser } from './option-values.ts'
import { formatTable } from './table.ts'
import { withServices } from './with-services.ts'

export type ModelsOptions = { readonly json?: boolean }

const withData = <T>(context: CommandContext, body: (services: Services) => Promise<T>): Promise<T> =>
  withServices(context, { access: 'share', needsData: true }, body)

const timeOf = (milliseconds: number): string => new Date(milliseconds).toISOString()

/** The name under which tracking keeps the text-to-image Recall@10 on the validation images. */
const VALIDATION_RECALL = 'text_to_image_success_10'

async function factsOf(services: Services, model: ModelTrained, index: number) {
  const { catalogue, tracking } = services
  const decision = lastWordOn(catalogue.releases(), model.modelVersion)
  const recall = (await tracking.run(model.modelVersion))?.metrics[VALIDATION_RECALL]?.at(-1)?.value ?? null
  return {
    ordinal: index + 1,
    modelVersion: model.modelVersion,
    trainedAt: timeOf(model.trainedAt),
    pairs: catalogue.requests().find(({ requestId }) => requestId === model.requestId)?.dataSetSize ?? null,
    outcome: decision?.state ?? model.outcome,
    reason: decision?.reason ?? model.detail,
    validationRecall10: recall,
    champion: catalogue.currentRelease()?.modelVersion === model.modelVersion,
  }
}

/** Lists every model that was asked for, oldest first. */
export function listModels({ json }: ModelsOptions, context: CommandContext): Promise<ExitName> {
  return withData<ExitName>(context, async (services) => {
    const models = await Promise.all(services.catalogue.models().map((model, index) => factsOf(services, model, index)))
    if (json === true) printJson(context, models)
    else if (models.length === 0)
      print(context, "There are no models yet; 'pairstream status' says how many pairs are missing.")
    else {
      const rows = models.map(({ ordinal, modelVersion, trainedAt, pairs, outcome, validationRecall10, champion }) => [
        ordinal,
        modelVersion,
        trainedAt,
        pairs,
        outcome,
        validationRecall10 === null ? null : percentage(validationRecall10),
        champion ? 'champion' : '',
      ])
      const recall = { title: 'validation Recall@10', align: 'right' as const }
      print(context, formatTable(['#', 'version', 'trained at', 'pairs', 'outcome', recall, ''], rows))
    }
    return 'ok'
  })
}

/** The trained model of a version, of an ordinal as `list` shows it, or of the word `champion`. Throws `model-not-found`, `no-model`. */
export function findModel(
  { catalogue }: Pick<Services, 'catalogue'>,
  name: string,
): ModelTrained & { readonly manifest: string } {
  const champion = catalogue.currentRelease()?.modelVersion
  if (name === 'champion' && champion === undefined) {
    throw new AppError('no-model', "There is no champion yet; 'pairstream status' says how many pairs are missing.")
  }
  const version = name === 'champion' ? champion : name
  const model = catalogue
    .models()
    .find((known, index) => known.modelVersion === version || String(index + 1) === version)
  if (model === undefined)
    throw new AppError('model-not-found', `There is no model ${name}; see 'pairstream models list'.`)
  const { manifest } = model
  if (manifest === null)
    throw new AppError('model-not-found', `The model ${name} was not trained: ${model.detail ?? model.outcome}`)
  return { ...model, manifest }
}

const parsed = (evidence: string | null): unknown => (evidence === null ? null : JSON.parse(evidence))

function decisionLine({ decidedAt, state, generation, reason }: ReleaseRecord): string {
  return `  ${timeOf(decidedAt)}  ${state}${generation === null ? '' : ` (${generation})`}: ${reason}`
}

/** Shows a model: what was decided on it and why, its metrics, its training and its files. */
export function showModel(name: string, { json }: ModelsOptions, context: CommandContext): Promise<ExitName> {
  return withData<ExitName>(context, async (services) => {
    const { catalogue, tracking, models } = services
    const model = findModel(services, name)
    const facts = await factsOf(
      services,
      model,
      catalogue.models().findIndex(({ modelVersion }) => modelVersion === model.modelVersion),
    )
    const decisions = catalogue.releases().filter(({ modelVersion }) => modelVersion === model.modelVersion)
    const run = await tracking.run(model.modelVersion)
    const manifest = await models.manifest(model.manifest)
    if (json === true) {
      const evidence = decisions.map((decision) => ({ ...decision, evidence: parsed(decision.evidence) }))
      printJson(context, {
        ...facts,
        parent: model.parent,
        requestId: model.requestId,
        decisions: evidence,
        run,
        manifest,
      })
      return 'ok'
    }
    const metrics = Object.entries({ ...model.metrics, ...lastValues(run?.metrics ?? {}) })
    const losses = run?.metrics['loss'] ?? []
    const recalls = run?.metrics['development_recall_10'] ?? []
    const history = losses.map(({ step, value }, index) => [
      step,
      value.toFixed(3),
      percentage(recalls[index]?.value ?? 0),
    ])
    const files = manifest.files.map(({ path, bytes, sha256 }) => [path, bytes, sha256.slice(0, 16)])
    const parts = [
      `${model.modelVersion}${facts.champion ? ' (champion)' : ''}, trained ${facts.trainedAt} on ${facts.pairs ?? '?'} pairs`,
      `Decisions\n${decisions.map(decisionLine).join('\n') || '  none yet'}`,
      formatTable(['metric', 'value'], metrics),
      history.length === 0
        ? ''
        : formatTable(
            ['epoch', { title: 'loss', align: 'right' }, { title: 'development Recall@10', align: 'right' }],
            history,
          ),
      formatTable(['file', 'bytes', 'SHA-256 begins'], files),
    ]
    print(context, parts.filter((part) => part !== '').join('\n\n'))
    return 'ok'
  })
}

const lastValues = (metrics: Readonly<Record<string, readonly { readonly value: number }[]>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(metrics).flatMap(([name, points]) => points.slice(-1).map(({ value }) => [name, value])),
  )

/** Has a model released, whatever the gate said of it. */
export function promote(name: string, { by, json }: AuditedOptions, context: CommandContext): Promise<ExitName> {
  return withData<ExitName>(context, async (services) => {
    const { modelVersion } = findModel(services, name)
    const record = await audited(services, { action: 'models:promote', object: modelVersion, by }, () =>
      promoteModel(services, modelVersion, by),
    )
    if (json === true) printJson(context, record)
    else
      print(
        context,
        `${record.modelVersion} is being built as ${record.generation ?? '–'}; it serves once its index is complete.`,
      )
    if (services.isAlone) remark(context, "Nobody builds it now: start 'pairstream serve'.")
    return 'ok'
  })
}

/** Goes back to the release before. */
export function revert({ by, json }: AuditedOptions, context: CommandContext): Promise<ExitName> {
  return withData<ExitName>(context, async (services) => {
    const deed = { action: 'releases:revert', object: ({ modelVersion }: ReleaseRecord) => modelVersion, by }
    const record = await audited(services, deed, () => revertRelease(services, by))
    if (json === true) printJson(context, record)
    else if (record.state === 'retired')
      print(context, `${record.generation ?? '–'} of ${record.modelVersion} is given up; what serves goes on.`)
    else print(context, `${record.modelVersion} serves again, from ${record.generation ?? '–'}.`)
    return 'ok'
  })
}

/** Writes a model into a folder that needs nothing else. */
export function exportModel(
  name: string,
  folder: string,
  { json }: ModelsOptions,
  context: CommandContext,
): Promise<ExitName> {
  return withData<ExitName>(context, async (services) => {
    const { modelVersion, manifest } = findModel(services, name)
    await auditedRead(services, { action: 'models:export', object: modelVersion, by: currentUser() })
    await services.models.export(manifest, folder)
    if (json === true) printJson(context, { modelVersion, folder })
    else print(context, `${modelVersion} is in ${folder}; use it by --model ${folder}.`)
    return 'ok'
  })
}
