import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat } from 'node:fs/promises'

/** What identifies a file's content. */
export type FileDigests = {
  readonly bytes: number
  readonly sha256: string
  /** As git names it: the SHA-1 of `blob SIZE\0` and the content. */
  readonly gitBlob: string
}

/** The digests of what lies on the disk, read once; null where there is no regular file. */
export async function fileDigests(path: string, signal?: AbortSignal): Promise<FileDigests | null> {
  const found = await lstat(path).catch(() => null)
  if (found?.isFile() !== true) return null
  const sha256 = createHash('sha256')
  const git = createHash('sha1').update(`blob ${found.size}\0`)
  let bytes = 0
  for await (const piece of createReadStream(path, { signal, highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
    bytes += piece.length
    sha256.update(piece)
    git.update(piece)
  }
  return { bytes, sha256: sha256.digest('hex'), gitBlob: git.digest('hex') }
}
