import type { Publisher } from './publisher.ts'
import { createReport, type PublishReport } from './publish-report.ts'
import { isFault, type Source, type SourceEntry, type SourceFault } from './source.ts'

/** A picture with more captions than this is published in several pieces, so that memory and records stay bounded. */
const MAX_PAIRS_AT_ONCE = 64
const DEFAULT_BATCH = 512
/** Pairs of a run that are remembered; one met again after so many others is a duplicate by the catalogue alone. */
const MAX_REMEMBERED = 1_000_000

export type PublishProgress = {
  readonly accepted: number
  readonly duplicate: number
  readonly rejected: number
  /** As the source says; null where it does not know. */
  readonly total: number | null
}

type PublishOptions = {
  readonly onProgress?: (progress: PublishProgress) => void
  /** Once raised, no more is read; what is in hand is finished. */
  readonly signal?: AbortSignal
  /** Awaited after every `batch` entries (default 512) with nothing in hand, so that a stream can wait for others. */
  readonly pause?: () => Promise<void>
  readonly batch?: number
}

/** Gathers neighbours that share a picture. */
async function* byImage(items: AsyncIterable<SourceEntry | SourceFault>): AsyncIterable<SourceEntry[] | SourceFault> {
  let group: SourceEntry[] = []
  for await (const item of items) {
    const belongs = !isFault(item) && group[0]?.image === item.image && group.length < MAX_PAIRS_AT_ONCE
    if (group.length > 0 && !belongs) {
      yield group
      group = []
    }
    if (isFault(item)) yield item
    else group.push(item)
  }
  if (group.length > 0) yield group
}

function forgetOldest(seen: Set<string>): void {
  for (const pairId of seen) {
    if (seen.size <= MAX_REMEMBERED) return
    seen.delete(pairId)
  }
}

/**
 * Publishes a source, as many pictures at once as the publisher takes, the captions of a picture in order. Can be stopped at any
 * moment and run again: what is there already is a duplicate. Rejects, after what is in hand has ended, with the first failure that
 * is not an entry's own fault (`storage-full`, `publish-unconfirmed`); running it again then goes on.
 */
export async function publishSource(
  source: Source,
  publisher: Publisher,
  options: PublishOptions = {},
): Promise<PublishReport> {
  const { onProgress, signal, pause, batch = DEFAULT_BATCH } = options
  const tally = createReport(source.describe)
  const seen = new Set<string>()
  const inHand = new Set<Promise<void>>()
  const failures: unknown[] = []
  const stopped = (): boolean => failures.length > 0 || signal?.aborted === true
  const progress = (): void => {
    if (onProgress === undefined) return
    const { accepted, duplicate, rejected } = tally.report(false)
    onProgress({ accepted, duplicate, rejected, total: source.total })
  }

  const publish = async (entries: readonly SourceEntry[]): Promise<void> => {
    try {
      const outcomes = await publisher.publishImage(entries, seen)
      forgetOldest(seen)
      for (const [at, { outcome, code, detail }] of outcomes.entries()) {
        if (outcome === 'accepted') tally.accept()
        else if (outcome === 'duplicate') tally.duplicate()
        else {
          const entry = entries[at]
          tally.reject(entry?.place ?? entry?.source ?? source.describe, code ?? 'internal', detail ?? '')
        }
      }
      progress()
    } catch (error) {
      failures.push(error)
    }
  }

  let sincePause = 0
  let interrupted = false
  for await (const group of byImage(source.entries())) {
    if (stopped()) {
      interrupted = true
      break
    }
    if ('code' in group) {
      tally.reject(group.source, group.code, group.detail)
      progress()
      continue
    }
    const work = publish(group).finally(() => inHand.delete(work))
    inHand.add(work)
    if (inHand.size >= publisher.concurrency) await Promise.race(inHand)
    sincePause += group.length
    if (pause === undefined || sincePause < batch) continue
    await Promise.all(inHand)
    if (!stopped()) await pause()
    sincePause = 0
  }
  await Promise.all(inHand)
  if (failures.length > 0) throw failures[0]
  return tally.report(interrupted)
}
