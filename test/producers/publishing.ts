import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createFileBlobStore } from '../../src/adapters/blob-store/files.ts'
import { createSqliteLog } from '../../src/adapters/event-log/sqlite.ts'
import type { PairPublished } from '../../src/core/events.ts'
import { inspectImage } from '../../src/models/decode-image.ts'
import type { BlobStore } from '../../src/ports/blob-store.ts'
import type { EventLog } from '../../src/ports/event-log.ts'
import {
  createPublisher,
  type PublishEntry,
  type Publisher,
  type PublisherDependencies,
} from '../../src/producers/publisher.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

type Quotas = { readonly logBytes?: number; readonly blobBytes?: number }

export type Bench = {
  readonly log: EventLog
  readonly blobs: BlobStore
  /** The values in `pairs`, by partition and then in order. */
  readonly pairs: () => Promise<readonly PairPublished[]>
  /** A publisher over the real drivers; what it takes for known is what is in the log at the call. */
  readonly publisher: (changes?: Partial<PublisherDependencies>) => Promise<Publisher>
}

export async function createBench({ logBytes, blobBytes }: Quotas = {}): Promise<Bench> {
  const folder = await temporaryFolder()
  const quota = logBytes === undefined ? {} : { maxBytes: logBytes }
  const log = createSqliteLog({ path: join(folder, 'log.db'), partitions: 4, ...quota })
  const blobQuota = blobBytes === undefined ? {} : { maxBytes: blobBytes }
  const blobs = createFileBlobStore({ folder: join(folder, 'blobs'), ...blobQuota })
  onTestFinished(async () => {
    await log.close()
    await blobs.close()
  })
  const pairs = async (): Promise<readonly PairPublished[]> => {
    const found: PairPublished[] = []
    for (const [partition, end] of await log.endOffsets('pairs')) {
      for (let offset = 0; offset < end; offset++) {
        const record = await log.read('pairs', partition, offset)
        if (record?.value != null) found.push(record.value)
      }
    }
    return found
  }
  return {
    log,
    blobs,
    pairs,
    async publisher(changes = {}) {
      const live = new Set((await pairs()).map(({ pairId }) => pairId))
      const inspect = (bytes: Uint8Array) => inspectImage(bytes)
      const known = (pairId: string): boolean => live.has(pairId)
      return createPublisher({ log, blobs, inspect, isErased: () => false, known, clock: () => 1_000, ...changes })
    },
  }
}

/** An entry to publish; what a test does not name is in order. */
export const entryOf = (picture: Uint8Array, changes: Partial<PublishEntry> = {}): PublishEntry => ({
  image: () => Promise.resolve(picture),
  caption: 'A red card.',
  subject: null,
  split: null,
  metadata: {},
  source: 'test:red.jpg',
  ...changes,
})
