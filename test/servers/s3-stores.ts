import { randomUUID } from 'node:crypto'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, inject, onTestFinished } from 'vitest'
import { createS3BlobStore, type S3Options } from '../../src/adapters/blob-store/s3.ts'
import type { BlobStore } from '../../src/ports/blob-store.ts'
import { minioKeys } from './minio.ts'

export const endpoint = inject('servers').minio

/** A bucket that the driver makes, and so one with versions. */
export const VERSIONED = 'versions'

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A client of its own, which sees what the driver leaves in MinIO. */
export const client = new S3Client({ endpoint, forcePathStyle: true, region: 'us-east-1', credentials: minioKeys })
afterAll(() => client.destroy())

/** A store at a place of its own, unless the options name one. */
export async function openStore(options: Partial<S3Options> = {}): Promise<BlobStore> {
  const store = await createS3BlobStore({ bucket: VERSIONED, prefix: randomUUID(), endpoint, ...minioKeys, ...options })
  onTestFinished(() => store.close())
  return store
}

/** A bucket that was there before, without versions. */
export async function plainBucket(): Promise<string> {
  const bucket = `plain-${randomUUID()}`
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  return bucket
}
