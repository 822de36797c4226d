import { withDeadline } from '../core/deadline.ts'
import { AppError, toAppError, type ErrorCode } from '../core/errors.ts'
import { imageIdOf, pairIdOf, pairKey } from '../core/ids.ts'
import { imageBlobKey } from '../core/pair-record.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import type { EventLog, NewRecord, Position } from '../ports/event-log.ts'
import { createGate } from './gate.ts'
import { createInspections, type PictureFacts } from './inspections.ts'
import { validateFields, type EntryFields, type ValidFields } from './validate-entry.ts'

/** What can be published: a `SourceEntry`, or what a client sent. */
export type PublishEntry = EntryFields & {
  /** Throws with a code of kind `invalid` where the picture cannot be had. */
  readonly image: () => Promise<Uint8Array>
  /** How much of memory it holds until it is its turn; absent where the picture is read only when it is asked for. */
  readonly bytes?: number
  readonly source: string
}

/**
 * `accepted`: the blob and the record are durable. `duplicate`: the pair is live already. `rejected`: nothing was stored; `code` and
 * `detail` say why.
 */
type PublishOutcome = {
  readonly outcome: 'accepted' | 'duplicate' | 'rejected'
  readonly pairId: string | null
  readonly imageId: string | null
  readonly position: Position | null
  readonly code: ErrorCode | null
  readonly detail: string | null
}

export type PublisherDependencies = {
  readonly log: EventLog
  readonly blobs: BlobStore
  /** Decodes a picture and says what it is; throws an `image-…` error. */
  readonly inspect: (bytes: Uint8Array) => Promise<PictureFacts>
  readonly isErased: (pairId: string) => boolean | Promise<boolean>
  /** Whether the pair is live. */
  readonly known: (pairId: string) => boolean | Promise<boolean>
  /** Milliseconds since the epoch. */
  readonly clock: () => number
  /** Pictures that are read, inspected and stored at once. Default 16. */
  readonly concurrency?: number
  /** Pictures that may wait for that; one more is refused. Default 1,000. */
  readonly waiting?: number
  /** Bytes that these may hold meanwhile; one more is refused. Default 256 MB. */
  readonly waitingBytes?: number
  /** Milliseconds that a picture may wait for its turn, and then the blob store may take for it. Default 10,000, as for the log. */
  readonly deadline?: number
}

/**
 * Turns entries into records of `pairs`, each acknowledged only once its blob and then its record are durable. What is wrong with an
 * entry is its outcome; only what is unavailable (`storage-full`, `publish-unconfirmed`) or not understood is thrown, and publishing
 * the same entry again is then safe.
 */
export interface Publisher {
  readonly concurrency: number
  /** For who waits for the answer: throws `publish-unconfirmed` once the deadline has passed since the call, whatever it was spent on. */
  readonly publish: (entry: PublishEntry) => Promise<PublishOutcome>
  /**
   * Publishes entries of one picture as one: one read, one inspection, one put, one append in the order given. `seen` holds the pairs of
   * a run, so that one met twice is a duplicate before the catalogue knows it.
   */
  readonly publishImage: (entries: readonly PublishEntry[], seen?: Set<string>) => Promise<readonly PublishOutcome[]>
}

type Draft = { readonly at: number; readonly fields: ValidFields; readonly source: string }
type Pair = Draft & { readonly pairId: string }
type Ids = { readonly imageId: string | null; readonly pairId: string | null }

const noIds: Ids = { imageId: null, pairId: null }

const rejected = ({ code, message }: AppError, ids: Ids = noIds): PublishOutcome => ({
  outcome: 'rejected',
  ...ids,
  position: null,
  code,
  detail: message,
})

const stored = (outcome: 'accepted' | 'duplicate', ids: Ids, position: Position | null): PublishOutcome => ({
  outcome,
  ...ids,
  position,
  code: null,
  detail: null,
})

/** What `body` gives, or why the entry is at fault; what is unavailable is no fault of an entry and is thrown on. */
async function attempt<T>(body: () => T | Promise<T>): Promise<T | AppError> {
  try {
    return await body()
  } catch (error) {
    const failure = toAppError(error)
    if (failure.kind === 'unavailable') throw failure
    return failure
  }
}

function recordOf(
  { fields, source, pairId }: Pair,
  imageId: string,
  facts: PictureFacts,
  publishedAt: number,
): NewRecord<'pairs'> {
  const { caption, subject, split, metadata } = fields
  const picture = { picture: null, blobKey: imageBlobKey(imageId), ...facts }
  const value = { imageId, pairId, caption, subject, ...picture, split, source, metadata, publishedAt }
  return { topic: 'pairs', key: pairKey(imageId, pairId), value }
}

export function createPublisher(dependencies: PublisherDependencies): Publisher {
  const { log, blobs, isErased, known, clock, concurrency = 16, deadline = 10_000 } = dependencies
  const { waiting = 1_000, waitingBytes = 256_000_000 } = dependencies
  const inGate = createGate({ width: concurrency, most: waiting, mostBytes: waitingBytes, deadline })
  const inspectOnce = createInspections(dependencies.inspect)

  /** What is settled about a pair before anything is stored: erased, or there already; null for a new one. */
  const settled = async (
    ids: { imageId: string; pairId: string },
    seen: ReadonlySet<string>,
  ): Promise<PublishOutcome | null> => {
    if (await isErased(ids.pairId)) {
      const detail = `The pair ${ids.pairId} was erased; only 'pairstream restore' lifts that.`
      return rejected(new AppError('pair-erased', detail), ids)
    }
    return seen.has(ids.pairId) || (await known(ids.pairId)) ? stored('duplicate', ids, null) : null
  }

  /** Blob first: a record must never refer to bytes that are not durable. Also when it exists, which keeps the sweep away from it. */
  const store = async (
    imageId: string,
    bytes: Uint8Array,
    facts: PictureFacts,
    pairs: readonly Pair[],
  ): Promise<readonly Position[]> => {
    await withDeadline(blobs.put(imageBlobKey(imageId), bytes), deadline, () => {
      return new AppError('publish-unconfirmed', 'The blob store did not answer in time; send the pair again.')
    })
    const publishedAt = clock()
    return log.append(pairs.map((pair) => recordOf(pair, imageId, facts, publishedAt)))
  }

  const publishImage: Publisher['publishImage'] = async (entries, seen = new Set()) => {
    const outcomes: PublishOutcome[] = []
    const drafts: Draft[] = []
    for (const [at, entry] of entries.entries()) {
      const fields = await attempt(() => validateFields(entry))
      if (fields instanceof AppError) outcomes[at] = rejected(fields)
      else drafts.push({ at, fields, source: entry.source })
    }
    const [first] = entries
    if (first === undefined || drafts.length === 0) return outcomes

    const bytes = await attempt(first.image)
    if (bytes instanceof AppError) {
      for (const { at } of drafts) outcomes[at] = rejected(bytes)
      return outcomes
    }
    const imageId = imageIdOf(bytes)
    const candidates: Pair[] = []
    for (const draft of drafts) {
      const pairId = pairIdOf(imageId, draft.fields.normalisedCaption, draft.fields.subject)
      const outcome = await settled({ imageId, pairId }, seen)
      if (outcome === null) candidates.push({ ...draft, pairId })
      else outcomes[draft.at] = outcome
    }
    if (candidates.length === 0) return outcomes

    const facts = await attempt(() => inspectOnce(imageId, bytes))
    const fresh: Pair[] = []
    for (const pair of candidates) {
      const ids = { imageId, pairId: pair.pairId }
      if (facts instanceof AppError) outcomes[pair.at] = rejected(facts, ids)
      else if (seen.has(pair.pairId)) outcomes[pair.at] = stored('duplicate', ids, null)
      else {
        seen.add(pair.pairId)
        fresh.push(pair)
      }
    }
    if (facts instanceof AppError || fresh.length === 0) return outcomes

    try {
      const positions = await store(imageId, bytes, facts, fresh)
      for (const [index, { at, pairId }] of fresh.entries()) {
        outcomes[at] = stored('accepted', { imageId, pairId }, positions[index] ?? null)
      }
      return outcomes
    } catch (error) {
      for (const { pairId } of fresh) seen.delete(pairId)
      throw error
    }
  }

  return {
    concurrency,
    publishImage: (entries, seen) => inGate(() => publishImage(entries, seen), entries[0]?.bytes ?? 0),
    async publish(entry) {
      const published = inGate(() => publishImage([entry]), entry.bytes ?? 0)
      const [outcome] = await withDeadline(published, deadline, () => {
        return new AppError('publish-unconfirmed', 'It was not stored in time; send the pair again.')
      })
      if (outcome === undefined) throw new AppError('internal', 'Publishing an entry gave no outcome.')
      return outcome
    },
  }
}
