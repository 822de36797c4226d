import { join, resolve } from 'node:path'
import { hasLog } from '../../bootstrap.ts'
import { loadConfig, type Settings } from '../../config.ts'
import { AppError } from '../../core/errors.ts'
import { sha256Hex } from '../../core/ids.ts'
import type { Encoder } from '../../ports/encoder.ts'
import { publishSource } from '../../producers/publish-source.ts'
import { isFault, type Source } from '../../producers/source.ts'
import { requestRetraining } from '../../roles/commands.ts'
import type { Services } from '../../roles/services.ts'
import { chooseModel, openModelFolder, openModelVersion } from '../chosen-model.ts'
import type { CommandContext } from '../context.ts'
import { decideHere } from '../decision.ts'
import { counted } from '../figures.ts'
import type { Progress } from '../progress.ts'
import { withServices } from '../with-services.ts'

type ModelWish = {
  /** A model folder, a version, or `champion`; undefined leaves the choice to what there is. */
  readonly model: string | undefined
  readonly backbone: string | undefined
  /** The data folder of the demo, whose champion is taken where the configured one has none. */
  readonly demoData: string
  readonly images: string
  readonly source: Source
  readonly context: CommandContext
  readonly progress: Progress
}

const HOW_TO_GET_A_MODEL = `Supply a model by --model DIR (a folder that 'pairstream models export champion DIR' wrote), \
or captions beside the pictures (a.jpg with a.txt) to train one on.`

/**
 * Runs `body` with the model to search a folder with: the one that is named, else the champion of the data folder, else that of
 * the demo, else one that is trained now on the captions of the folder. Throws `no-model` where there is nothing of it.
 */
export async function withModelFor<T>(wish: ModelWish, body: (encoder: Encoder) => Promise<T>): Promise<T> {
  const { model, context, demoData, progress } = wish
  const closing = async (encoder: Encoder): Promise<T> => {
    progress.say(null, `searching with the model ${encoder.modelVersion}`)
    return body(encoder).finally(() => encoder.close())
  }
  const config = loadConfig(context.environment)
  if (model !== undefined) {
    const chosen = await chooseModel(model)
    if (chosen.kind === 'folder') return closing(await openModelFolder(chosen.folder, config.THREADS))
    const options = { access: 'share', needsData: true } as const
    return withServices(context, options, async (services) => closing(await openModelVersion(services, chosen.name)))
  }
  for (const folder of [config.DATA_DIR, demoData]) {
    const answer = await withChampionOf(folder, wish, closing)
    if (answer !== null) return answer.value
  }
  return withTrainedModel(wish, closing)
}

/** The settings of a data folder that has nothing to do with the configured one. */
const inFolder = (folder: string): Partial<Settings> => ({
  DATA_DIR: folder,
  EVENT_LOG_URL: `sqlite:${join(folder, 'log.db')}`,
  INDEX_URL: `embedded:${join(folder, 'index')}`,
  BLOB_URL: `file:${join(folder, 'blobs')}`,
  TRACKING_URL: `file:${join(folder, 'tracking')}`,
})

async function withChampionOf<T>(
  folder: string,
  { context, demoData }: ModelWish,
  body: (encoder: Encoder) => Promise<T>,
): Promise<{ readonly value: T } | null> {
  const overrides = folder === demoData ? inFolder(folder) : {}
  if (!(await hasLog(loadConfig(context.environment, overrides)))) return null
  return withServices(context, { access: 'share', overrides }, async (services) => {
    if (services.catalogue.currentRelease() === null) return null
    return { value: await body(await openModelVersion(services, 'champion')) }
  })
}

/** Whether any entry has a caption; the source is read no further than the first. */
async function hasCaptions(source: Source): Promise<boolean> {
  for await (const item of source.entries()) if (!isFault(item) && item.caption !== null) return true
  return false
}

/** A folder of its own for each folder of pictures, so that a second search finds the model of the first. */
async function withTrainedModel<T>(wish: ModelWish, body: (encoder: Encoder) => Promise<T>): Promise<T> {
  const { context, source, images, backbone, progress } = wish
  if (!(await hasCaptions(source))) throw new AppError('no-model', HOW_TO_GET_A_MODEL)
  const { DATA_DIR } = loadConfig(context.environment)
  const folder = join(DATA_DIR, `pictures-${sha256Hex(resolve(images)).slice(0, 12)}`)
  const overrides = { ...inFolder(folder), BACKBONE_DIR: backbone }
  return withServices(context, { access: 'own', overrides }, async (services) => {
    if (services.catalogue.currentRelease() === null) {
      progress.say(null, 'there is no model yet: training one on the captions beside the pictures')
      await trainOn(services, wish)
    }
    return body(await openModelVersion(services, 'champion'))
  })
}

async function trainOn(services: Services, { source, progress, context }: ModelWish): Promise<void> {
  const stage = progress.stage('publish', source.total)
  const { accepted } = await publishSource(source, services.publisher, {
    signal: context.signal,
    onProgress: ({ accepted, duplicate, rejected }) => stage.update(accepted + duplicate + rejected),
  })
  stage.finish(`${counted(accepted, 'pair')} to learn from`)
  const { requestId } = await requestRetraining(services, 'manual', 'demo')
  const decision = await decideHere(services, requestId, { progress, signal: context.signal })
  if (decision?.outcome === 'promoted') return
  const reason = decision?.reason ?? 'The training was stopped.'
  throw new AppError('no-model', `The captions gave no model: ${reason} ${HOW_TO_GET_A_MODEL}`)
}
