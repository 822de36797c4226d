import type { Reranking } from '../api/rerank-hits.ts'
import type { Catalogue } from '../catalogue/catalogue.ts'
import { AppError, toAppError } from '../core/errors.ts'
import type { ModelStore } from '../models/model-store.ts'
import type { Reranker } from '../ports/reranker.ts'
import { openReranker } from '../reranking/open-reranker.ts'

export type ServedReranker = Reranking & {
  /** Opens the one of the configured folder, if there is one, so that a wrong folder is told at start. Throws `model-invalid`. */
  prepare(): Promise<void>
  close(): Promise<void>
}

type Dependencies = {
  /** A folder that goes before what was promoted. */
  readonly folder: string | undefined
  readonly catalogue: Pick<Catalogue, 'promotedReranker'>
  readonly models: Pick<ModelStore, 'open'>
  readonly threads: number
  /** Told when one could not be opened, used or closed; searches go on without it. */
  readonly onFailed: (error: unknown) => void
}

/** Searches that are reranked at once; more would only wait for each other, past the patience of all. */
const MOST_AT_ONCE = 16

/** One that could not be opened is tried again after so many milliseconds, or every search would pay for the attempt. */
const PAUSE = 30_000

type Opened = { readonly name: string; readonly reranker: Promise<Reranker> }

/**
 * The reranker that searches use: that of `folder`, else the promoted one. It is opened by the first search that wants it, on a thread of its own;
 * another is opened by the first search after its promotion, and the one before closed then; where the other cannot be opened, the one before
 * goes on.
 */
export function createServedReranker({ folder, catalogue, models, threads, onFailed }: Dependencies): ServedReranker {
  let current: Opened | null = null
  let next: Opened | null = null
  let underWay = 0

  const open = async (path: () => Promise<string>): Promise<Reranker> =>
    openReranker(await path(), { threads, onThread: true })

  const close = async ({ reranker }: Opened): Promise<void> => {
    const opened = await reranker.catch(() => null) // whoever asked for it was told
    await opened?.close().catch(onFailed)
  }

  const take = (name: string, path: () => Promise<string>): Opened => {
    const reranker = open(path)
    const opened: Opened = { name, reranker }
    reranker.catch((error: unknown) => {
      onFailed(error)
      const again = (): void => {
        if (current === opened) current = null
        if (next === opened) next = null
      }
      setTimeout(again, PAUSE).unref()
    })
    return opened
  }

  const wanted = async (): Promise<Reranker> => {
    const promoted = folder === undefined ? catalogue.promotedReranker() : null
    const name = folder ?? promoted?.manifest
    if (name == null) {
      throw new AppError('model-not-found', "There is no reranker; set RERANKER_DIR, or see 'pairstream reranker train --help'.") // prettier-ignore
    }
    if (current?.name === name) return current.reranker
    const path = async (): Promise<string> => folder ?? models.open(name)
    const before = current
    if (before === null) {
      current = take(name, path)
      return current.reranker
    }
    if (next?.name !== name) {
      if (next !== null) void close(next)
      next = take(name, path)
    }
    const taken = next
    try {
      const reranker = await taken.reranker
      if (current === before && next === taken) {
        current = taken
        next = null
        void close(before)
      }
      return reranker
    } catch {
      return before.reranker
    }
  }

  const rank: Reranking['rank'] = async (query, documents) => {
    const reranker = await wanted()
    const scores = await reranker.rank(query, documents).catch((error: unknown) => {
      onFailed(error)
      throw error
    })
    return { scores, modelVersion: reranker.modelVersion, scale: reranker.scale }
  }

  return {
    async rank(query, documents) {
      if (underWay >= MOST_AT_ONCE) throw new AppError('not-ready', 'The reranker is busy; try again in a moment.')
      underWay++
      return rank(query, documents).finally(() => underWay--)
    },
    async prepare() {
      if (folder === undefined) return
      await wanted().catch((cause: unknown) => {
        const detail = `RERANKER_DIR=${folder} is not the folder of a reranker: ${toAppError(cause).message}`
        throw new AppError('model-invalid', detail, { cause })
      })
    },
    async close() {
      for (const opened of [current, next]) if (opened !== null) await close(opened)
    },
  }
}
