import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { AppError } from '../core/errors.ts'
import type { Split } from '../core/split.ts'
import { captionsFileSource, parseHeader } from './formats/captions-file.ts'
import { FLICKR8K_CAPTIONS, flickr8kSource } from './formats/flickr8k.ts'
import { folderSource, pictureSource } from './formats/folder.ts'
import { jsonLinesSource } from './formats/json-lines.ts'
import { isParquetName, parquetSource } from './formats/parquet.ts'
import { isTarName, webdatasetSource } from './formats/webdataset.ts'
import { linesOfFile } from './lines.ts'
import { isPictureName } from './picture-files.ts'
import { endingWithFault, withSplit, type Source, type SourceFormat } from './source.ts'

const FORMATS = `a folder of pictures (a.jpg with a.txt), Flickr8k (${FLICKR8K_CAPTIONS}), captions.txt or captions.csv (image,caption), \
JSON lines (.jsonl), webdataset (.tar), parquet`

type Place = { readonly path: string; readonly isFolder: boolean; readonly names: readonly string[] }

const isJsonLines = (name: string): boolean => /\.(jsonl|ndjson)$/i.test(name)
const isCaptionsFile = (name: string): boolean => /^captions\.(txt|csv)$/i.test(name)

async function hasCaptionsHeader(path: string): Promise<boolean> {
  for await (const line of linesOfFile(path)) return 'text' in line && parseHeader(line.text) !== null
  return false
}

/** The file itself, or the first in the folder that the test takes. */
function find(place: Place, test: (name: string) => boolean): string | null {
  if (!place.isFolder) return test(basename(place.path)) ? place.path : null
  const name = place.names.find(test)
  return name === undefined ? null : join(place.path, name)
}

async function holdsPictures({ path, isFolder }: Place): Promise<boolean> {
  if (!isFolder) return isPictureName(path)
  return (await readdir(path, { recursive: true })).some(isPictureName)
}

type Format = Exclude<SourceFormat, 'scenes'>

/** What each format makes of a place: a source, or null where it finds nothing of its own. In the order in which they are tried. */
const openers: Readonly<Record<Format, (place: Place) => Promise<Source | null>>> = {
  async flickr8k(place) {
    const captions = find(place, (name) => name === FLICKR8K_CAPTIONS)
    return captions === null ? null : flickr8kSource(dirname(captions))
  },
  async 'captions-file'(place) {
    const path = find(place, isCaptionsFile) ?? (/\.csv$/i.test(place.path) && !place.isFolder ? place.path : null)
    return path !== null && (await hasCaptionsHeader(path)) ? captionsFileSource(path) : null
  },
  async 'json-lines'(place) {
    const names = place.isFolder ? place.names : [basename(place.path)]
    const folder = place.isFolder ? place.path : dirname(place.path)
    const paths = names.filter(isJsonLines).map((name) => join(folder, name))
    return paths.length === 0 ? null : jsonLinesSource(paths)
  },
  async webdataset(place) {
    return find(place, isTarName) === null ? null : webdatasetSource(place.path)
  },
  async parquet(place) {
    if (find(place, isParquetName) !== null) return parquetSource(place.path)
    const below = place.isFolder && (await readdir(place.path, { recursive: true })).some(isParquetName)
    return below ? parquetSource(place.path) : null
  },
  async folder(place) {
    if (!(await holdsPictures(place))) return null
    return place.isFolder ? folderSource(place.path) : pictureSource(dirname(place.path), basename(place.path))
  },
}

const knownFormats = Object.keys(openers) as readonly Format[]

async function lookAt(path: string): Promise<Place> {
  try {
    const isFolder = (await stat(path)).isDirectory()
    return { path, isFolder, names: isFolder ? (await readdir(path)).sort() : [] }
  } catch (error) {
    const absent = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const detail = absent
      ? `There is nothing at ${path}; check the path.`
      : `${path} cannot be read; check its permissions.`
    throw new AppError('source-not-found', detail, { cause: error })
  }
}

function formatsToTry(format: string | undefined): readonly Format[] {
  if (format === undefined) return knownFormats
  const known = knownFormats.find((name) => name === format)
  if (known !== undefined) return [known]
  throw new AppError('source-unrecognised', `The format is none of ${knownFormats.join(', ')}.`)
}

/**
 * Opens a file or folder as a source of pairs, in the format it has or the one that is named. `split` takes only the entries of
 * that split, and puts those there that name none. Throws `source-not-found` or `source-unrecognised`.
 */
export async function openSource(
  path: string,
  options: { readonly format?: string | undefined; readonly split?: Split | null | undefined } = {},
): Promise<Source> {
  const formats = formatsToTry(options.format)
  const place = await lookAt(path)
  for (const format of formats) {
    const found = await openers[format](place)
    if (found === null) continue
    const source = endingWithFault(found)
    return options.split == null ? source : withSplit(source, options.split)
  }
  throw new AppError('source-unrecognised', `${path} is none of the known formats: ${FORMATS}.`)
}
