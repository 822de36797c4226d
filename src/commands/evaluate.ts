import { join } from 'node:path'
import { loadConfig } from '../config.ts'
import { AppError } from '../core/errors.ts'
import type { Split } from '../core/split.ts'
import { evaluateInProcess } from '../evaluation/evaluate-in-process.ts'
import type { Evaluation } from '../evaluation/evaluate-retrieval.ts'
import type { Encoder } from '../ports/encoder.ts'
import type { Services } from '../roles/services.ts'
import { chooseModel, openModelFolder, openModelVersion, type ChosenModel } from './chosen-model.ts'
import { print, printJson, remark, type CommandContext } from './context.ts'
import { embedSet, type EmbeddedSet } from './embed-set.ts'
import { evaluationReport, evaluationTable, type EvaluationReport } from './evaluation-report.ts'
import { publishedSet, readDataSet, type EvaluationSet } from './evaluation-set.ts'
import { runFiles, writeJson, writeRuns, type EvaluationFiles } from './evaluation-files.ts'
import type { ExitName } from './exit-codes.ts'
import { counted } from './figures.ts'
import { createProgress, type Progress } from './progress.ts'
import { withServices } from './with-services.ts'

export type EvaluateOptions = {
  readonly model: string
  readonly dataset?: string | undefined
  readonly split?: Split | 'all' | undefined
  readonly run?: string | undefined
  readonly out?: string | undefined
  readonly depth: number
  readonly json?: boolean
}

type Work = { readonly options: EvaluateOptions; readonly context: CommandContext; readonly progress: Progress }

/** Measures how well a model finds pictures by captions and captions by pictures, on a data set or on what is published. */
export async function evaluate(options: EvaluateOptions, context: CommandContext): Promise<ExitName> {
  const { stderr } = context
  const progress = createProgress({ stream: stderr, isTerminal: stderr.isTTY })
  const work = { options, context, progress }
  try {
    const model = await chooseModel(options.model)
    if (model.kind === 'folder' && options.dataset !== undefined)
      return await evaluateOutside(work, model.folder, options.dataset)
    return await withServices(context, { access: 'share', needsData: true }, (services) =>
      evaluateInside(work, model, services),
    )
  } finally {
    progress.stop()
  }
}

/** A model folder on a data set: needs no data folder, and makes none. */
async function evaluateOutside(work: Work, modelFolder: string, dataset: string): Promise<ExitName> {
  const { THREADS } = loadConfig(work.context.environment)
  const set = await readDataSet(dataset, work.options.split ?? 'test')
  return measure(work, await openModelFolder(modelFolder, THREADS), set)
}

async function evaluateInside(work: Work, model: ChosenModel, services: Services): Promise<ExitName> {
  const { dataset, split } = work.options
  const set =
    dataset === undefined
      ? publishedSet(services, splitOfPublished(split))
      : await readDataSet(dataset, split ?? 'test')
  const encoder =
    model.kind === 'folder'
      ? await openModelFolder(model.folder, services.config.THREADS)
      : await openModelVersion(services, model.name)
  return measure(work, encoder, set)
}

function splitOfPublished(split: Split | 'all' | undefined): Split {
  if (split !== 'all') return split ?? 'validation'
  throw new AppError(
    'invalid-request',
    'What is published has been trained on; choose --split validation, fresh or test.',
  )
}

/** Encodes, measures, writes the files, prints; closes the encoder. */
async function measure({ options, context, progress }: Work, encoder: Encoder, set: EvaluationSet): Promise<ExitName> {
  const { modelVersion } = encoder
  const embedded = await embedSet(encoder, set, progress).finally(() => encoder.close())
  const evaluation = await compare(embedded, progress)
  const files = filesOf(options, modelVersion, set)
  const report = evaluationReport({ modelVersion, set, broken: embedded.broken, evaluation })
  await writeJson(files.out, report)
  await writeRuns(files, embedded, { tag: modelVersion, depth: options.depth })

  for (const { name, code, detail } of report.skipped) remark(context, `skipped ${name}: ${detail} [${code}]`)
  if (options.json === true) printJson(context, report)
  else printReport(report, files, context)
  return report.skipped.length === 0 ? 'ok' : 'rejected'
}

async function compare({ images, captions, relevant }: EmbeddedSet, progress: Progress): Promise<Evaluation> {
  const stage = progress.stage('compare', null)
  const evaluation = await evaluateInProcess({ images, captions, relevant })
  stage.finish(`${counted(captions.length, 'caption')} with ${counted(images.length, 'picture')}, both ways`)
  return evaluation
}

function filesOf({ out, run }: EvaluateOptions, modelVersion: string, { split }: EvaluationSet): EvaluationFiles {
  const base = join('evaluation', `${modelVersion}-${split}`)
  return { out: out ?? `${base}.json`, ...runFiles(run ?? base) }
}

function printReport(
  report: EvaluationReport,
  { out, textToImage, imageToText }: EvaluationFiles,
  context: CommandContext,
): void {
  const { model, dataset, split, images, captions } = report
  print(
    context,
    `${model} on ${dataset}, split ${split}: ${counted(images, 'picture')}, ${counted(captions, 'caption')}\n`,
  )
  print(context, evaluationTable(report))
  print(context, `\nfigures ${out}   TREC runs ${textToImage.run} ${imageToText.run}   judgements beside them (.qrels)`)
}
