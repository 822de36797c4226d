import { randomUUID } from 'node:crypto'
import { AppError } from '../../../core/errors.ts'
import { openBucket } from './bucket.ts'
import { connect, type S3Options } from './connection.ts'
import { createObjects } from './objects.ts'

/**
 * Sentences that say what is wrong with the bucket and how to mend it; none when all is well. Puts, reads and deletes a small
 * object below the prefix, and makes the bucket where it is missing, as the store would.
 */
export async function checkS3(options: S3Options): Promise<readonly string[]> {
  const { bucket, prefix = '', deadline = 10_000 } = options
  try {
    const client = connect(options)
    try {
      await openBucket(client, { ...options, deadline })
      const objects = createObjects(client, bucket, deadline)
      const name = `${prefix === '' ? '' : `${prefix}/`}~check/${randomUUID()}`
      const content = new TextEncoder().encode(name)
      const version = await objects.put(name, content)
      const read = await objects.get(name)
      await objects.delete(name, version ?? undefined)
      if (read === null || Buffer.compare(read, content) !== 0) {
        return [`The S3 server does not give back what was put; do not use it for ${bucket}.`]
      }
      if (await objects.keepsVersions()) return []
      return [
        `The bucket ${bucket} keeps no versions. It works; enable versions, and a blob that is put while it is being swept stays also when a process stands still in between.`,
      ]
    } finally {
      client.destroy()
    }
  } catch (error) {
    if (error instanceof AppError) return [error.message]
    throw error
  }
}
