import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { extract, type Header } from 'tar-stream'
import { AppError, toAppError } from '../../core/errors.ts'
import { assertInside, shorten } from '../picture-files.ts'
import { faultOf, type SourceFault } from '../source.ts'

type Member = { readonly name: string; readonly bytes: Uint8Array }

/** Throws `source-entry-unsafe` for links and for names that lead out of the archive. */
function assertSafe({ name, type }: Header): void {
  assertInside(name)
  if (type === 'link' || type === 'symlink') {
    throw new AppError('source-entry-unsafe', `'${shorten(name)}' is a link; put the file itself into the archive.`)
  }
}

/**
 * The files of a tar archive (also gzipped) whose names `maxBytesOf` gives a limit, in their order, one in memory at a time. Unsafe
 * names, links and files past their limit are faults. Throws `source-entry-invalid` where the archive ends early or is damaged.
 */
export async function* tarMembers(
  path: string,
  shard: string,
  maxBytesOf: (name: string) => number | null,
): AsyncIterable<Member | SourceFault> {
  const archive = extract()
  const file = createReadStream(path)
  const bytes: Readable = /gz$/i.test(path) ? file.pipe(createGunzip()) : file
  file.on('error', (error) => archive.destroy(error))
  bytes.on('error', (error: Error) => archive.destroy(error))
  bytes.pipe(archive)
  try {
    for await (const member of archive) {
      const { header } = member
      const source = `${shard}:${shorten(header.name)}`
      try {
        assertSafe(header)
        const limit = header.type === 'file' ? maxBytesOf(header.name) : null
        const size = header.size
        if (limit !== null && size <= limit) {
          yield { name: header.name, bytes: await gather(member as AsyncIterable<Uint8Array>) }
          continue
        }
        if (limit !== null) yield faultOf(source, tooLarge(header.name, size, limit))
      } catch (error) {
        if (!(error instanceof AppError)) throw error
        yield faultOf(source, error)
      }
      member.resume()
    }
  } catch (error) {
    const detail = `The archive is truncated or damaged (${toAppError(error).message}); fetch it again.`
    throw new AppError('source-entry-invalid', detail, { cause: error })
  } finally {
    file.destroy()
    archive.destroy()
  }
}

const tooLarge = (name: string, size: number, limit: number): AppError =>
  new AppError('source-entry-invalid', `${shorten(name)} has ${size} bytes; at most ${limit} are read.`)

async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}
