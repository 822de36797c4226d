import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { captionsOf } from '../caption-lines.ts'
import { linesOfFile } from '../lines.ts'
import { createPictureReader, isPictureName } from '../picture-files.ts'
import { faultOf, type Source, type SourceEntry, type SourceFault } from '../source.ts'

export const captionExtensions = ['.txt', '.caption']

type Listed = { readonly name: string; readonly captionFile: string | null }

/** A file's name without what follows the last dot. */
export const stemOf = (name: string): string => name.slice(0, name.length - extname(name).length)

/** The text file beside a picture, among the names of its folder. */
const captionFileOf = (name: string, present: ReadonlySet<string>): string | null =>
  captionExtensions.map((extension) => stemOf(name) + extension).find((file) => present.has(file)) ?? null

/**
 * The pictures below a folder in the order of their names, each with the text file beside it. Hidden files and links to folders are
 * passed over; the latter may lead in a circle.
 */
async function* picturesBelow(root: string, folder: string): AsyncIterable<Listed | SourceFault> {
  let found: Dirent[]
  try {
    found = await readdir(join(root, folder), { withFileTypes: true })
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown'
    const detail = `The folder cannot be read (${reason}); check its permissions.`
    yield { source: `folder:${folder}`, code: 'source-entry-invalid', detail }
    return
  }
  const visible = found.filter(({ name }) => !name.startsWith('.'))
  const present = new Set(visible.map(({ name }) => name))
  for (const item of visible.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = folder === '' ? item.name : `${folder}/${item.name}`
    if (item.isDirectory()) {
      yield* picturesBelow(root, path)
    } else if (isPictureName(item.name)) {
      const captionFile = captionFileOf(item.name, present)
      yield { name: path, captionFile: captionFile === null ? null : join(root, folder, captionFile) }
    }
  }
}

async function* entriesOf(listed: Listed, image: SourceEntry['image']): AsyncIterable<SourceEntry | SourceFault> {
  const source = `folder:${listed.name}`
  const entry = (caption: string | null): SourceEntry => ({
    image,
    imageName: listed.name,
    caption,
    split: null,
    subject: null,
    metadata: {},
    source,
  })
  if (listed.captionFile === null) {
    yield entry(null)
    return
  }
  try {
    const { captions, faults } = await captionsOf(linesOfFile(listed.captionFile), source)
    yield* captions.map(entry)
    yield* faults
  } catch (error) {
    yield faultOf(source, error)
  }
}

/**
 * Pictures in a folder and the folders below it, with the captions of `a.jpg` in `a.txt` or `a.caption`, one a line. A picture
 * without such a file has no caption.
 */
export function folderSource(folder: string): Source {
  return {
    format: 'folder',
    describe: `pictures in ${folder}`,
    total: null,
    async *entries() {
      const picture = createPictureReader(folder)
      for await (const item of picturesBelow(folder, '')) {
        if ('code' in item) yield item
        else yield* entriesOf(item, picture(item.name))
      }
    },
  }
}

/** One picture of a folder, by its relative name, with the captions beside it. */
export function pictureSource(folder: string, name: string): Source {
  return {
    format: 'folder',
    describe: join(folder, name),
    total: null,
    async *entries() {
      const beside = join(folder, dirname(name))
      const captionFile = captionFileOf(basename(name), new Set(await readdir(beside)))
      const listed = { name, captionFile: captionFile === null ? null : join(beside, captionFile) }
      yield* entriesOf(listed, createPictureReader(folder)(name))
    },
  }
}
