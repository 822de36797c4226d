import { link, mkdir, rm, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { downloadFile } from './download-file.ts'
import { isSettings, type Precision } from './choose-files.ts'
import type { Hub } from './hub.ts'
import type { LockedFile, ModelLock } from './lock-file.ts'
import type { AnnouncedFile, ModelListing } from './model-listing.ts'
import type { ModelShelf } from './model-shelf.ts'
import { requiredFiles } from './required-files.ts'

type Fetching = {
  readonly hub: Hub
  readonly listing: ModelListing
  readonly shelf: ModelShelf
  /** What is in the model's folder already, verified; null where there is none. */
  readonly before: ModelLock | null
  readonly precision: Precision | null
  /** Most bytes of all files. */
  readonly maxBytes: number
  readonly onBytes: (path: string, done: number, total: number | null) => void
  readonly onFile: (file: LockedFile) => void
}

export type FetchedModel = {
  readonly files: readonly LockedFile[]
  /** Those of them that were not there before; they lie in the unfinished folder. */
  readonly added: readonly LockedFile[]
  readonly precision: Precision
}

const MOST_FILES = 100
/** A configuration takes some kilobytes; the largest tokenisers in use take 35 MB. */
const MOST_CONFIG_BYTES = 1024 * 1024
const MOST_SETTINGS_BYTES = 64 * 1024 * 1024

/** Fetches what a model needs and is not there, into the unfinished folder of its shelf. Throws as `requiredFiles` and `downloadFile`. */
export async function fetchModel(fetching: Fetching): Promise<FetchedModel> {
  const { hub, listing, shelf, before, maxBytes } = fetching
  const folder = shelf.folderOf(listing.commit)
  const unfinished = shelf.unfinishedOf(listing.commit)
  const had = new Map(before?.files.map((file) => [file.path, file]))
  const added = new Map<string, LockedFile>()
  const recordOf = (path: string): LockedFile | undefined => had.get(path) ?? added.get(path)
  await mkdir(unfinished, { recursive: true })

  async function bring(paths: readonly string[]): Promise<void> {
    const wanted = paths.map((path) => listing.files.get(path)).filter((file) => file !== undefined)
    requireFew(wanted, maxBytes)
    const missing = wanted.filter(({ path }) => recordOf(path) === undefined)
    await requireSpace(unfinished, missing)
    let bytes = wanted.reduce((sum, { path }) => sum + (recordOf(path)?.bytes ?? 0), 0)
    for (const file of missing) {
      const limit = Math.min(limitOf(file.path), maxBytes - bytes)
      const onBytes = (done: number): void => fetching.onBytes(file.path, done, file.bytes)
      const record = await downloadFile({ hub, listing, file, folder: unfinished, limit, onBytes })
      fetching.onFile(record)
      added.set(file.path, record)
      bytes += record.bytes
    }
  }

  const folderOf = (path: string): string => (had.has(path) ? folder : unfinished)
  const supply = { paths: [...listing.files.keys()], bring, folderOf }
  const { paths, precision } = await requiredFiles(supply, fetching.precision)
  const files = paths.map(recordOf).filter((file) => file !== undefined)
  if (added.size === 0) await rm(unfinished, { recursive: true, force: true })
  else
    await lendFiles(
      files.filter(({ path }) => had.has(path)),
      folder,
      unfinished,
    )
  return { files, added: [...added.values()], precision }
}

/** A network that was fetched now may need what was there before. */
async function lendFiles(files: readonly LockedFile[], from: string, to: string): Promise<void> {
  for (const { path } of files) {
    await mkdir(dirname(join(to, path)), { recursive: true })
    await rm(join(to, path), { force: true })
    await link(join(from, path), join(to, path))
  }
}

function limitOf(path: string): number {
  if (!isSettings(path)) return Infinity
  return path === 'config.json' ? MOST_CONFIG_BYTES : MOST_SETTINGS_BYTES
}

function requireFew(files: readonly AnnouncedFile[], maxBytes: number): void {
  if (files.length > MOST_FILES) {
    throw new AppError('model-unsafe', `The model needs ${files.length} files, more than ${MOST_FILES}.`)
  }
  const large = files.find(({ path, bytes }) => (bytes ?? 0) > limitOf(path))
  if (large !== undefined) {
    const detail = `${large.path} has ${large.bytes ?? 0} bytes, more than such a file ever needs`
    throw new AppError('model-unsafe', `${detail}; do not use this model.`)
  }
  const total = files.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0)
  if (total > maxBytes) {
    const detail = `The model has ${total} bytes, and HUB_MAX_BYTES is ${maxBytes}`
    throw new AppError('model-unsafe', `${detail}; raise it, or ask for a smaller --precision.`)
  }
  const names = new Set(files.map(({ path }) => path.toLowerCase()))
  if (names.size < files.length) {
    throw new AppError('model-unsafe', 'Two files of the model differ by upper and lower case alone.')
  }
}

async function requireSpace(folder: string, files: readonly AnnouncedFile[]): Promise<void> {
  const needed = files.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0)
  const { bavail, bsize } = await statfs(folder)
  if (needed <= bavail * bsize) return
  const detail = `The model needs ${needed} bytes more, and ${bavail * bsize} are free for DATA_DIR`
  throw new AppError('storage-full', `${detail}; free some space, or name another folder.`)
}
