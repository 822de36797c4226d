import { AppError } from '../../core/errors.ts'
import { dot } from '../../core/vector.ts'
import type { Encoder } from '../../ports/encoder.ts'
import { openSource } from '../../producers/detect.ts'
import { isFault, type Source } from '../../producers/source.ts'
import { print, printJson, remark, type CommandContext } from '../context.ts'
import { encodePictures, type BrokenPicture, type EncodedPicture, type Picture } from '../encode-pictures.ts'
import { exitCodes } from '../exit-codes.ts'
import { counted } from '../figures.ts'
import { createProgress, type Progress } from '../progress.ts'
import { formatTable } from '../table.ts'
import { withModelFor } from './folder-model.ts'

type SearchFolderOptions = {
  /** A folder of pictures, or anything else that can be published. */
  readonly images: string
  readonly query: string | undefined
  readonly topK: number
  readonly model: string | undefined
  /** For a model that has to be trained first. */
  readonly backbone: string | undefined
  readonly demoData: string
  readonly json: boolean
}

type Answer = {
  readonly model: string
  readonly query: string
  readonly pictures: number
  readonly hits: readonly { readonly rank: number; readonly score: number; readonly file: string }[]
  readonly broken: readonly BrokenPicture[]
}

/**
 * Embeds the pictures of a folder, with or without captions, and prints those that fit the query best; what cannot be read is
 * listed and skipped. Returns the exit status.
 */
export async function searchFolder(options: SearchFolderOptions, context: CommandContext): Promise<number> {
  const { images, model, backbone, demoData, topK, json } = options
  const query = options.query?.trim() ?? ''
  if (query === '') throw new AppError('invalid-request', 'Say by --query what to search the pictures for.')
  const source = await openSource(images)
  const progress = createProgress({ stream: context.stderr, isTerminal: context.stderr.isTTY })
  const wish = { model, backbone, demoData, images, source, context, progress }
  try {
    const answer = await withModelFor(wish, (encoder) => searchWith(encoder, { query, topK, source, progress }))
    for (const { name, code, detail } of answer.broken) remark(context, `skipped ${name}: ${detail} [${code}]`)
    if (json) printJson(context, answer)
    else print(context, hitTable(answer))
    return exitCodes.ok.status
  } finally {
    progress.stop()
  }
}

/** Each picture once, however many captions it has. */
async function picturesOf(
  source: Source,
): Promise<{ readonly pictures: readonly Picture[]; readonly faults: readonly BrokenPicture[] }> {
  const pictures = new Map<string, Picture>()
  const faults: BrokenPicture[] = []
  for await (const item of source.entries()) {
    if (isFault(item)) faults.push({ name: item.source, code: item.code, detail: item.detail })
    else if (!pictures.has(item.imageName))
      pictures.set(item.imageName, { name: item.imageName, imageId: null, bytes: item.image })
  }
  return { pictures: [...pictures.values()], faults }
}

async function searchWith(
  encoder: Encoder,
  wish: { readonly query: string; readonly topK: number; readonly source: Source; readonly progress: Progress },
): Promise<Answer> {
  const { query, topK, source, progress } = wish
  const { pictures, faults } = await picturesOf(source)
  const stage = progress.stage('pictures', pictures.length)
  const { encoded, broken } = await encodePictures(encoder, pictures, (done) => stage.update(done))
  stage.finish(`${counted(encoded.length, 'picture')} embedded`)
  const [vector = new Float32Array()] = await encoder.encodeTexts([query])
  const hits = best(encoded, vector, topK).map(({ name, score }, index) => ({ rank: index + 1, score, file: name }))
  return { model: encoder.modelVersion, query, pictures: encoded.length, hits, broken: [...faults, ...broken] }
}

/** The `count` pictures with the largest cosine, ties by name. */
function best(pictures: readonly EncodedPicture[], query: Float32Array, count: number) {
  return pictures
    .map(({ name, vector }) => ({ name, score: dot(vector, query) }))
    .sort((a, b) => b.score - a.score || (a.name < b.name ? -1 : 1))
    .slice(0, count)
}

const hitTable = ({ hits }: Answer): string =>
  formatTable(
    ['rank', { title: 'score', align: 'right' }, 'picture'],
    hits.map(({ rank, score, file }) => [rank, score.toFixed(4), file]),
  )
