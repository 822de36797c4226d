import {
  CreateBucketCommand,
  GetBucketVersioningCommand,
  ListObjectsV2Command,
  PutBucketVersioningCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { AppError } from '../../../core/errors.ts'
import type { S3Options } from './connection.ts'
import { isNoBucket, isUnknownRequest, translateOpening } from './failures.ts'

const EXISTS = ['BucketAlreadyOwnedByYou', 'BucketAlreadyExists']

/**
 * Finds the bucket usable, or makes it (unless told not to), with versions where the server has them. A bucket that was there is left as it is.
 * Throws `configuration-invalid` with what to do, `blob-store-unavailable` where the server is away.
 */
export async function openBucket(client: S3Client, options: S3Options): Promise<void> {
  const { bucket, region, create: isMade = true, deadline = 30_000 } = options
  const limit = () => ({ abortSignal: AbortSignal.timeout(deadline) })

  const look = async (): Promise<void> => {
    const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, MaxKeys: 1 }), limit())
    if (page.Name === bucket) return
    throw new AppError(
      'configuration-invalid',
      'What answers there does not speak S3; give the address of the S3 server itself, not of its web page.',
    )
  }

  const create = async (): Promise<void> => {
    const elsewhere = region !== undefined && region !== 'us-east-1'
    const place = elsewhere ? { CreateBucketConfiguration: { LocationConstraint: region as 'eu-west-1' } } : {}
    try {
      await client.send(new CreateBucketCommand({ Bucket: bucket, ...place }), limit())
    } catch (error) {
      if (EXISTS.includes((error as Error).name)) return look()
      if ((error as Error).name !== 'AccessDenied') throw error
      const detail = `There is no bucket ${bucket}, and the access key may not make one; create it.`
      throw new AppError('configuration-invalid', detail, { cause: error })
    }
    const configuration = { Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } } as const
    await client.send(new PutBucketVersioningCommand(configuration), limit()).catch(ignoreRefusal)
  }

  try {
    await look().catch((error: unknown) => {
      if (!isMade || !isNoBucket(error)) throw error
      return create()
    })
    await refuseSuspendedVersions(client, bucket, limit())
  } catch (error) {
    throw translateOpening(error, bucket)
  }
}

/** Versions are better and not needed: a server that does not know them, or does not allow them, does without. */
function ignoreRefusal(error: unknown): void {
  if (!isUnknownRequest(error) && (error as Error).name !== 'AccessDenied') throw error
}

/** Older versions would stay for ever unseen behind what is deleted, and new ones are not kept apart. */
async function refuseSuspendedVersions(client: S3Client, bucket: string, limit: { abortSignal: AbortSignal }) {
  try {
    const { Status } = await client.send(new GetBucketVersioningCommand({ Bucket: bucket }), limit)
    if (Status !== 'Suspended') return
  } catch (error) {
    if (isUnknownRequest(error)) return
    throw error
  }
  const detail = `The versions of the bucket ${bucket} are suspended; enable them again, or use another bucket.`
  throw new AppError('configuration-invalid', detail)
}
