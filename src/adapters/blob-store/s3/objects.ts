import {
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { AppError } from '../../../core/errors.ts'
import { isAbsent, isAbsentHead, isUnknownRequest, translateFailure } from './failures.ts'

export type StoredObject = { readonly name: string; readonly bytes: number; readonly putAt: number }
/** One version of an object; a delete marker is a version too. */
export type ObjectVersion = { readonly versionId: string; readonly putAt: number; readonly isLatest: boolean }
/** `null` for the version where the bucket keeps none. */
export type ObjectHead = StoredObject & { readonly versionId: string | null }

const SECOND = 1_000

/**
 * S3 tells times in whole seconds, rounded down (some servers in milliseconds, but only in listings). The last millisecond of that
 * second is told instead, so that no put is ever later than the time told for it.
 */
export const endOfSecond = (time: Date | undefined): number =>
  Math.floor((time?.getTime() ?? 0) / SECOND) * SECOND + SECOND - 1

/**
 * The requests that the driver makes, on objects by their full name. Each may take `deadline` milliseconds, or less where the
 * caller's `signal` ends it. Throws the codes of `translateFailure`.
 */
export function createObjects(client: S3Client, bucket: string, deadline: number) {
  const limit = (signal: AbortSignal = AbortSignal.timeout(deadline)) => ({ abortSignal: signal })
  const fail = (error: unknown): never => {
    throw translateFailure(error, bucket)
  }

  /** A server that tells of nothing with an empty answer may mean the object or its bucket. */
  const mustHaveBucket = async (): Promise<void> => {
    await client.send(new HeadBucketCommand({ Bucket: bucket }), limit()).catch((error: unknown) => {
      if (!isAbsentHead(error)) throw translateFailure(error, bucket)
      const detail = `The bucket ${bucket} is not there; start the S3 server, or create the bucket again and restore its content.`
      throw new AppError('blob-store-unavailable', detail)
    })
  }

  return {
    /** The id of the new version, null where the bucket keeps no versions. */
    async put(name: string, bytes: Uint8Array, signal?: AbortSignal): Promise<string | null> {
      const command = new PutObjectCommand({ Bucket: bucket, Key: name, Body: bytes, ContentLength: bytes.length })
      const { VersionId } = await client.send(command, limit(signal)).catch(fail)
      return VersionId ?? null
    },

    async get(name: string): Promise<Uint8Array | null> {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: name }), limit())
        return (await Body?.transformToByteArray()) ?? new Uint8Array(0)
      } catch (error) {
        return isAbsent(error) ? null : fail(error)
      }
    },

    async head(name: string, signal?: AbortSignal): Promise<ObjectHead | null> {
      try {
        const found = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: name }), limit(signal))
        const { ContentLength = 0, LastModified, VersionId = null } = found
        return { name, bytes: ContentLength, putAt: endOfSecond(LastModified), versionId: VersionId }
      } catch (error) {
        return isAbsentHead(error) ? null : fail(error)
      }
    },

    mustHaveBucket,

    /** Deletes the object, or for ever one version of it; does nothing when there is none. */
    async delete(name: string, versionId?: string, signal?: AbortSignal): Promise<void> {
      const command = new DeleteObjectCommand({ Bucket: bucket, Key: name, VersionId: versionId })
      await client.send(command, limit(signal)).catch((error: unknown) => {
        if (!isAbsent(error)) fail(error)
      })
    },

    /** Every object whose name starts with the prefix, in order of names. */
    async *list(prefix: string, signal?: AbortSignal): AsyncGenerator<StoredObject> {
      let token: string | undefined
      do {
        const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token })
        const page = await client.send(command, limit(signal)).catch(fail)
        for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
          yield { name: Key, bytes: Size, putAt: endOfSecond(LastModified) }
        }
        token = page.IsTruncated === true ? page.NextContinuationToken : undefined
      } while (token !== undefined)
    },

    /** Every version of the object, oldest first. */
    async versions(name: string): Promise<readonly ObjectVersion[]> {
      const found: ObjectVersion[] = []
      let marker: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } | null = {}
      while (marker !== null) {
        const command: ListObjectVersionsCommand = new ListObjectVersionsCommand({
          Bucket: bucket,
          Prefix: name,
          ...marker,
        })
        const page = await client.send(command, limit()).catch(fail)
        for (const entry of [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]) {
          if (entry.Key !== name) continue
          const { VersionId = 'null', IsLatest = false, LastModified } = entry
          found.push({ versionId: VersionId, isLatest: IsLatest, putAt: endOfSecond(LastModified) })
        }
        // The object itself is the first of the names that start with its name.
        const isMore = page.IsTruncated === true && page.NextKeyMarker === name
        marker = isMore ? { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker } : null
      }
      return found.sort((a, b) => Number(a.isLatest) - Number(b.isLatest) || a.putAt - b.putAt)
    },

    /** Whether the bucket keeps versions; a server that does not know of them keeps none. */
    async keepsVersions(): Promise<boolean> {
      try {
        const { Status } = await client.send(new GetBucketVersioningCommand({ Bucket: bucket }), limit())
        return Status === 'Enabled'
      } catch (error) {
        return isUnknownRequest(error) ? false : fail(error)
      }
    },
  }
}

export type Objects = ReturnType<typeof createObjects>
