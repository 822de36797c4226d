import { opendir, readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { AppError } from '../../core/errors.ts'
import type { BlobInfo, BlobStore } from '../../ports/blob-store.ts'
import { checkBlobKey, checkBlobPrefix, isBlobKey } from './blob-key.ts'
import { createDeletions } from './deletions.ts'
import { createDurableFiles } from './durable-file.ts'
import { createQuota } from './quota.ts'

const HOUR = 3_600_000

/** `~` is in no key, so nothing that is listed or asked for is ever an unfinished file. */
const TEMPORARY = '~unfinished'
const ASIDE = '~deleting'

type FileBlobStoreOptions = {
  readonly folder: string
  /** A quota in bytes over all blobs, as this process knows them; past it puts fail with `storage-full`. */
  readonly maxBytes?: number
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? ''

/** Nothing is there: the path, or a folder on the way to it, or what is there is itself a folder. */
const isAbsent = (error: unknown): boolean => ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error))

/** A file is where a folder is needed, or a folder where a file is to be. */
const isInTheWay = (error: unknown): boolean => ['ENOTDIR', 'EISDIR', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error))

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )

function translate(error: unknown): never {
  const code = codeOf(error)
  const options = { cause: error }
  if (error instanceof AppError || code === '') throw error
  if (['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code)) {
    throw new AppError(
      'storage-full',
      `The disk or quota of the blob store is full (${code}); free some space and go on.`,
      options,
    )
  }
  throw new AppError('blob-store-unavailable', `The folder of the blob store cannot be used (${code}).`, options)
}

/** Blobs as files below `folder`, each at the path that is its key. */
export function createFileBlobStore({ folder, maxBytes }: FileBlobStoreOptions): BlobStore {
  const root = resolve(folder)
  const temporary = join(root, TEMPORARY)
  const files = createDurableFiles(root, temporary)
  const deletions = createDeletions(root, join(root, ASIDE))

  const pathOf = (key: string): string => {
    checkBlobKey(key)
    return join(root, key)
  }

  const infoOf = async (key: string): Promise<BlobInfo | null> => {
    try {
      const found = await stat(join(root, key))
      return found.isFile() ? { key, bytes: found.size, putAt: found.mtimeMs } : null
    } catch (error) {
      if (isAbsent(error)) return null
      return translate(error)
    }
  }

  async function* walk(parent: string, prefix: string): AsyncGenerator<BlobInfo> {
    try {
      for await (const entry of await opendir(join(root, parent))) {
        const key = parent === '' ? entry.name : `${parent}/${entry.name}`
        if (!isBlobKey(key)) continue
        if (entry.isDirectory()) {
          if (`${key}/`.startsWith(prefix) || prefix.startsWith(`${key}/`)) yield* walk(key, prefix)
        } else if (key.startsWith(prefix)) {
          const info = await infoOf(key)
          if (info !== null) yield info
        }
      }
    } catch (error) {
      if (!isAbsent(error)) translate(error)
    }
  }

  const countBytes = async (): Promise<number> => {
    let sum = 0
    for await (const { bytes } of walk('', '')) sum += bytes
    return sum
  }

  const quota = maxBytes === undefined ? null : createQuota(maxBytes, countBytes)
  const sweeping = Promise.all([
    files.deleteUnfinishedBefore(Date.now() - HOUR).catch(() => undefined),
    deletions.giveBackAll().catch(() => undefined),
  ])

  const read = async (path: string): Promise<Uint8Array | null> => {
    try {
      const { buffer, byteOffset, length } = await readFile(path)
      return new Uint8Array(buffer, byteOffset, length)
    } catch (error) {
      if (isAbsent(error)) return null
      return translate(error)
    }
  }

  return {
    async put(key, bytes) {
      const path = pathOf(key)
      const growth = quota === null ? 0 : bytes.length - ((await infoOf(key))?.bytes ?? 0)
      await quota?.take(growth)
      try {
        await files.write(path, bytes)
      } catch (error) {
        await quota?.give(growth)
        if (isInTheWay(error) && (await isFolder(root))) {
          const detail = 'A blob key may not be the beginning of the path of another.'
          throw new AppError('invalid-request', detail, { cause: error })
        }
        translate(error)
      }
    },
    async get(key) {
      const path = pathOf(key)
      // A deletion that is being decided on moves the file, and may move it back.
      return (await read(path)) ?? (await read(deletions.pathOf(key))) ?? (await read(path))
    },
    async info(key) {
      pathOf(key)
      return infoOf(key)
    },
    async delete(key, unlessPutAfter) {
      const path = pathOf(key)
      const bytes = quota === null ? 0 : ((await infoOf(key))?.bytes ?? 0)
      try {
        if (unlessPutAfter === undefined) await files.delete(path)
        else if (!(await deletions.deleteUnlessPutAfter(key, unlessPutAfter))) return
        await quota?.give(bytes)
      } catch (error) {
        if (!isAbsent(error)) translate(error)
      }
    },
    async *list(prefix) {
      checkBlobPrefix(prefix)
      yield* walk(prefix.split('/').slice(0, -1).join('/'), prefix)
    },
    async close() {
      await sweeping
    },
  }
}
