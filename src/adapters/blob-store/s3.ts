import type { BlobStore } from '../../ports/blob-store.ts'
import { checkBlobKey, checkBlobPrefix, isBlobKey } from './blob-key.ts'
import { createAnnouncedDeletions, storeUntilKept } from './s3/announced-deletions.ts'
import { openBucket } from './s3/bucket.ts'
import { connect, type S3Options } from './s3/connection.ts'
import { createObjects } from './s3/objects.ts'
import { createVersionedDeletions } from './s3/versioned-deletions.ts'

export type { S3Options } from './s3/connection.ts'
export { checkS3 } from './s3/check.ts'

/**
 * Blobs as objects of an S3 bucket (AWS, MinIO, versitygw), each under its key below `prefix`, so that other programs can put and
 * read them too. A bucket that is missing is made where that is allowed, with versions where the server has them. How durable a put
 * is, is the server's matter: it resolves once the server has acknowledged it.
 *
 * `putAt` is the last millisecond of the second in which the server stored the blob, as S3 knows whole seconds only; a put is never
 * later than its `putAt`. Compare it with times of a clock that agrees with the server's, or leave a margin.
 *
 * `delete(key, unlessPutAfter)` spares every later put exactly in a bucket with versions, also puts of other programs. In a bucket
 * without, it spares those of this driver as long as no process stands still for ten seconds inside a deletion; see
 * `announced-deletions.ts`.
 *
 * Throws `configuration-invalid` with what to do, `blob-store-unavailable` where the server is away.
 */
export async function createS3BlobStore(options: S3Options): Promise<BlobStore> {
  const { bucket, prefix = '', deadline = 30_000 } = options
  const client = connect(options)
  const root = prefix === '' ? '' : `${prefix}/`
  const objects = createObjects(client, bucket, deadline)
  /** As far as is known: whoever owns the bucket may enable versions. */
  let keepsVersions: boolean
  try {
    await openBucket(client, options)
    keepsVersions = await objects.keepsVersions()
  } catch (error) {
    client.destroy()
    throw error
  }
  const announced = createAnnouncedDeletions(objects, root)
  const versioned = createVersionedDeletions(objects, root)

  const nameOf = (key: string): string => {
    checkBlobKey(key)
    return root + key
  }

  /** Stores the blob; the version before it is of no use to anybody. True when the bucket keeps versions. */
  const store = async (name: string, bytes: Uint8Array, signal: AbortSignal): Promise<boolean> => {
    const before = keepsVersions ? ((await objects.head(name, signal))?.versionId ?? null) : null
    const versionId = await objects.put(name, bytes, signal)
    keepsVersions = versionId !== null
    // The blob is stored whatever comes of this; versions that are left go when the blob is deleted.
    if (before !== null && before !== versionId) await objects.delete(name, before, signal).catch(() => undefined)
    return keepsVersions
  }

  return {
    async put(key, bytes) {
      const name = nameOf(key)
      const signal = AbortSignal.timeout(deadline)
      let isVersion = false
      await storeUntilKept(
        async () => void (isVersion = await store(name, bytes, signal)),
        async () => isVersion || announced.isKept(key, signal),
        signal,
      )
    },
    async get(key) {
      return objects.get(nameOf(key))
    },
    async info(key) {
      const found = await objects.head(nameOf(key))
      if (found !== null) return { key, bytes: found.bytes, putAt: found.putAt }
      await objects.mustHaveBucket()
      return null
    },
    async delete(key, unlessPutAfter) {
      const name = nameOf(key)
      // Asked each time: what was true at the last put may not be so any more.
      if (await objects.keepsVersions()) await versioned.delete(key, unlessPutAfter ?? Number.POSITIVE_INFINITY)
      else if (unlessPutAfter === undefined) await objects.delete(name)
      else await announced.delete(key, unlessPutAfter)
    },
    async *list(start) {
      checkBlobPrefix(start)
      for await (const { name, bytes, putAt } of objects.list(root + start)) {
        const key = name.slice(root.length)
        if (isBlobKey(key)) yield { key, bytes, putAt }
      }
    },
    async close() {
      client.destroy()
    },
  }
}
