import { readFile } from 'node:fs/promises'
import { TEXT_WEIGHT, type SearchInput, type SearchMode, type SearchResult } from '../api/search-types.ts'
import type { Catalogue } from '../catalogue/catalogue.ts'
import { AppError } from '../core/errors.ts'
import type { Filter, PointKind } from '../ports/vector-index.ts'
import { trainingProgress } from '../roles/commands.ts'
import type { Services } from '../roles/services.ts'
import { startServingRole } from '../roles/serving-role.ts'
import { print, printJson, remark, type CommandContext } from './context.ts'
import type { ExitName } from './exit-codes.ts'
import { counted } from './figures.ts'
import { formatTable } from './table.ts'
import { cut } from './terminal-text.ts'
import { withServices } from './with-services.ts'

export type SearchOptions = {
  readonly image?: string | undefined
  readonly topK: number
  readonly target: PointKind
  readonly mode: SearchMode
  readonly not?: string | undefined
  readonly filter?: Filter | undefined
  readonly range?: Filter['ranges'] | undefined
  readonly rerank?: number
  readonly minRelevance?: number | 'auto' | undefined
  readonly group?: boolean
  readonly json?: boolean
}

const CAPTION_WIDTH = 70

/** Searches by text, by a picture, or by both, with the release that is current now. */
export async function search(
  text: string | undefined,
  options: SearchOptions,
  context: CommandContext,
): Promise<ExitName> {
  const input = await readInput(text, options.image)
  const { topK: limit, target, mode, filter = {}, range, rerank = 0, not, minRelevance, group = false } = options
  const conditions = { ...filter, ...(range === undefined ? {} : { ranges: range }) }
  const request = { input, not, target, mode, limit, offset: 0, filter: conditions, rerank, minRelevance, group }
  return withServices<ExitName>(context, { access: 'share', needsData: true }, async (services) => {
    const serving = mode === 'text' ? null : await startServingRole(services)
    try {
      const result = await services.search.search(request).catch((error: unknown) => {
        throw withMissingPairs(error, services)
      })
      if (options.json === true) printJson(context, withSources(result, services.catalogue))
      else printHits(result, services.catalogue, context)
    } finally {
      await serving?.stop()
    }
    return 'ok'
  })
}

async function readInput(text: string | undefined, image: string | undefined): Promise<SearchInput> {
  if (image === undefined) {
    if (text !== undefined) return { kind: 'text', text }
    throw new AppError('invalid-request', 'Give a text to search for, or a picture by --image, or both.')
  }
  const bytes = await readFile(image).catch((cause: unknown) => {
    throw new AppError('source-not-found', `The picture ${image} cannot be read; check the path.`, { cause })
  })
  const picture = { kind: 'picture', bytes } as const
  return text === undefined ? picture : { kind: 'both', text, picture, textWeight: TEXT_WEIGHT }
}

function withMissingPairs(error: unknown, services: Services): unknown {
  if (!(error instanceof AppError) || error.code !== 'no-model') return error
  const { missingPairs } = trainingProgress(services)
  const until =
    missingPairs === 0
      ? "one is on its way where 'pairstream serve' runs"
      : `${counted(missingPairs, 'pair')} are missing until the first training`
  return new AppError('no-model', `Search by words (--mode text) meanwhile; ${until}.`, { cause: error })
}

/** Hits with where their picture came from, which says more on a command line than an address of the API. */
const withSources = (result: SearchResult, catalogue: Catalogue) => ({
  ...result,
  hits: result.hits.map((hit, index) => ({
    rank: index + 1,
    source: catalogue.image(hit.imageId)?.source ?? null,
    ...hit,
  })),
})

function printHits(
  { hits, noMatch, modelVersion, generation, reranked }: SearchResult,
  catalogue: Catalogue,
  context: CommandContext,
): void {
  if (hits.length === 0) {
    remark(context, noMatch === true ? 'Nothing matches.' : 'Nothing was found.')
    return
  }
  if (noMatch === true) remark(context, 'Nothing here matches well.')
  // It is known of some models only, and then of all hits or none.
  const isKnown = hits.some(({ relevance }) => relevance !== null)
  const rows = hits.map(({ score, relevance, imageId, caption, captions }, index) => [
    index + 1,
    score.toFixed(4),
    ...(isKnown ? [relevance?.toFixed(3) ?? null] : []),
    catalogue.image(imageId)?.source ?? null,
    imageId,
    cut(caption ?? captions[0]?.caption ?? '', CAPTION_WIDTH),
  ])
  print(
    context,
    formatTable(
      [
        'rank',
        { title: 'score', align: 'right' },
        ...(isKnown ? [{ title: 'relevance', align: 'right' } as const] : []),
        'picture',
        'image id',
        'caption',
      ],
      rows,
    ),
  )
  if (reranked?.failure != null) remark(context, `not reranked: ${reranked.failure.detail}`)
  else if (reranked !== null) remark(context, `${reranked.hits} reranked by ${reranked.modelVersion ?? '–'}`)
  if (modelVersion !== null) remark(context, `model ${modelVersion}, generation ${generation ?? '–'}`)
}
