import { open, stat } from 'node:fs/promises'
import { extname, isAbsolute, join } from 'node:path'
import { AppError } from '../core/errors.ts'
import type { SourceEntry } from './source.ts'

/** More is not read into memory; whoever inspects the picture may draw a narrower line. */
export const MAX_PICTURE_BYTES = 50_000_000

// Also types that are refused when the picture is inspected: a file that looks like a picture is named in the report, not passed over.
const pictureExtensions = new Set('.jpg .jpeg .png .webp .gif .tif .tiff .avif .bmp .heic .heif .svg'.split(' '))

/** Whether a file is to be taken for a picture, by its name. */
export const isPictureName = (name: string): boolean => pictureExtensions.has(extname(name).toLowerCase())

/** Throws `source-entry-unsafe` for a name that could lead out of the folder that it is relative to. */
export function assertInside(name: string): void {
  const leaves = name.split(/[/\\]/).includes('..') || isAbsolute(name) || /^[A-Za-z]:|^\\|\0/.test(name)
  if (leaves) {
    throw new AppError(
      'source-entry-unsafe',
      `'${shorten(name)}' leads out of the source; use names inside its folder.`,
    )
  }
}

export const shorten = (text: string, length = 80): string =>
  text.length <= length ? text : `${text.slice(0, length)}…`

async function readPicture(path: string, name: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path)
    if (size > MAX_PICTURE_BYTES) {
      throw new AppError(
        'image-too-many-bytes',
        `${name} has ${(size / 1e6).toFixed(0)} MB; at most ${MAX_PICTURE_BYTES / 1e6} MB are read.`,
      )
    }
    const file = await open(path)
    try {
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof AppError) throw error
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be read'
    throw new AppError('source-entry-invalid', `The picture ${shorten(name)} ${reason}.`, { cause: error })
  }
}

/**
 * Gives pictures of a folder by their relative names, as the `image` of an entry: the same function while the name is the same, and
 * the last picture read is kept, so that the captions of a picture share one read.
 */
export function createPictureReader(folder: string): (name: string) => SourceEntry['image'] {
  let named: { readonly name: string; readonly image: SourceEntry['image'] } | null = null
  let kept: { readonly name: string; readonly bytes: Promise<Uint8Array> } | null = null
  const read = (name: string): Promise<Uint8Array> => {
    if (kept?.name !== name) kept = { name, bytes: readPicture(join(folder, name), name) }
    return kept.bytes
  }
  return (name) => {
    if (named?.name !== name) named = { name, image: () => read(name) }
    return named.image
  }
}
