import { randomUUID } from 'node:crypto'
import { AppError } from '../../../core/errors.ts'
import { openBucket } from './bucket.ts'
import { connect, type S3Options } from './connection.ts'
import { isNoBucket } from './failures.ts'
import { createObjects } from './objects.ts'

/** A sentence that says how to mend it. A warning keeps nothing from working. */
type S3Finding = { readonly level: 'warning' | 'problem'; readonly text: string }

/**
 * What there is to say of the bucket; nothing when all is well. Puts, reads and deletes a small object below the prefix. A bucket that
 * is missing is left to the first role that starts: its name may be mistyped.
 */
export async function checkS3(options: S3Options): Promise<readonly S3Finding[]> {
  const { bucket, prefix = '', deadline = 10_000 } = options
  const found = (level: S3Finding['level'], text: string): readonly S3Finding[] => [{ level, text }]
  try {
    const client = connect(options)
    try {
      await openBucket(client, { ...options, deadline, create: false })
      const objects = createObjects(client, bucket, deadline)
      const name = `${prefix === '' ? '' : `${prefix}/`}~check/${randomUUID()}`
      const content = new TextEncoder().encode(name)
      const version = await objects.put(name, content)
      const read = await objects.get(name)
      await objects.delete(name, version ?? undefined)
      if (read === null || Buffer.compare(read, content) !== 0)
        return found('problem', `The S3 server does not give back what was put; do not use it for ${bucket}.`)
      if (await objects.keepsVersions()) return []
      return found(
        'warning',
        `The bucket ${bucket} keeps no versions. It works; enable versions, and a blob that is put while it is being swept stays also when a process stands still in between.`,
      )
    } finally {
      client.destroy()
    }
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return isNoBucket(error.cause ?? {})
      ? found('warning', `There is no bucket ${bucket} yet. Check the name: the first role that starts makes it.`)
      : found('problem', error.message)
  }
}
