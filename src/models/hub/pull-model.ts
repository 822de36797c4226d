import { AppError } from '../../core/errors.ts'
import type { Precision } from './choose-files.ts'
import { diskFailure } from './disk-failure.ts'
import { fetchModel, type FetchedModel } from './fetch-model.ts'
import type { Hub } from './hub.ts'
import { digestOf, readVerifiedLock, type LockedFile } from './lock-file.ts'
import type { ModelListing } from './model-listing.ts'
import { isCommit, type ModelName } from './model-name.ts'
import { createModelShelf, type ModelShelf } from './model-shelf.ts'
import { requiredFiles } from './required-files.ts'
import { tryModel, usualLimits, type TrialLimits } from './try-model.ts'

/** What is asked for. */
export type PullOrder = {
  readonly name: ModelName
  readonly precision: Precision | null
  /** The digest that the pull must have; null where any will do. */
  readonly sha256: string | null
}

/** What a pull tells while it goes on. */
export type PullEvents = {
  /** Another pull of the same model is under way. */
  onWait(): void
  /** `total` is null where the hub does not say it. */
  onBytes(path: string, done: number, total: number | null): void
  onFile(file: LockedFile): void
  /** The files are here, as announced, and tried now. */
  onTrial(files: readonly string[]): void
  onPassed(path: string): void
}

export type PulledModel = {
  readonly repository: string
  readonly revision: string
  readonly commit: string
  readonly licence: string | null
  readonly precision: Precision
  readonly folder: string
  /** Of all files of this pull; see `digestOf`. */
  readonly digest: string
  readonly files: readonly LockedFile[]
  /** How many of the files were fetched now. */
  readonly fetched: number
}

export type PullSettings = {
  readonly hub: Hub
  /** Each model has its folder below it. */
  readonly hubFolder: string
  /** Most bytes of all files of a model. */
  readonly maxBytes: number
  readonly events: PullEvents
  /** Of the trial. Default by the size of the files. */
  readonly trial?: TrialLimits
}

/**
 * Brings one state of a model into its folder: fetched, compared with what the hub announces, tried in a process of its own, and only then
 * put in its place. What is there already is compared with its lock, and not fetched again. Of two pulls at once, one waits. Throws
 * `model-not-found`, `model-invalid`, `model-corrupt`, `model-unsafe`, `hub-refused`, `hub-unavailable`, `storage-full`.
 */
export async function pullModel(order: PullOrder, settings: PullSettings): Promise<PulledModel> {
  const { hub, hubFolder, events } = settings
  const listing = await hub.list(order.name)
  requireCommit(order.name, listing)
  const shelf = createModelShelf(hubFolder, order.name)
  try {
    const held = await shelf.hold(hub.persistence.signal, () => events.onWait())
    try {
      return await pullInto(shelf, listing, order, settings)
    } finally {
      held.release()
    }
  } catch (error) {
    throw diskFailure(error, hubFolder)
  }
}

async function pullInto(
  shelf: ModelShelf,
  listing: ModelListing,
  order: PullOrder,
  { hub, maxBytes, events, trial }: PullSettings,
): Promise<PulledModel> {
  const { signal } = hub.persistence
  const { repository, commit, licence } = listing
  const folder = shelf.folderOf(commit)
  const before = await readVerifiedLock(folder, commit, signal)
  const { precision } = order
  const fetched = await fetchModel({ hub, listing, shelf, before, precision, maxBytes, ...events })
  requireDigest(order, fetched)
  if (fetched.added.length > 0) {
    const paths = fetched.added.map(({ path }) => path)
    const bytes = fetched.added.reduce((sum, file) => sum + file.bytes, 0)
    events.onTrial(paths)
    await tryModel(shelf.unfinishedOf(commit), paths, trial ?? usualLimits(bytes), signal, (path) =>
      events.onPassed(path),
    )
    const files = [...(before?.files ?? []), ...fetched.added]
    await shelf.place({ format: 1, repository, commit, licence, files }, before)
  }
  await shelf.remember(order.name.revision, commit)
  return pulled(order, { commit, licence, folder }, fetched)
}

/**
 * The same of what was pulled before, every file compared with its lock; asks nobody. Throws `model-not-found` where it is not here,
 * `model-invalid` where it is not in that precision, and `model-corrupt`.
 */
export async function openPulledModel(order: PullOrder, hubFolder: string, signal: AbortSignal): Promise<PulledModel> {
  const { repository, revision } = order.name
  const shelf = createModelShelf(hubFolder, order.name)
  const commit = await shelf.commitOf(revision)
  const folder = shelf.folderOf(commit ?? '')
  const lock = commit === null ? null : await readVerifiedLock(folder, commit, signal)
  if (lock === null) {
    const advice = 'pull it once without --offline and HF_HUB_OFFLINE'
    throw new AppError('model-not-found', `${repository} at ${revision} was not pulled into DATA_DIR yet; ${advice}.`)
  }
  const paths = lock.files.map(({ path }) => path)
  const supply = { paths, bring: () => Promise.resolve(), folderOf: () => folder }
  const needed = await requiredFiles(supply, order.precision)
  const files = lock.files.filter(({ path }) => needed.paths.includes(path))
  const found = { files, added: [], precision: needed.precision }
  requireDigest(order, found)
  return pulled(order, { commit: lock.commit, licence: lock.licence, folder }, found)
}

type Place = { readonly commit: string; readonly licence: string | null; readonly folder: string }

function pulled({ name }: PullOrder, place: Place, { files, added, precision }: FetchedModel): PulledModel {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1))
  return { ...name, ...place, precision, digest: digestOf(files), files: sorted, fetched: added.length }
}

function requireCommit({ repository, revision }: ModelName, { commit }: ModelListing): void {
  if (!isCommit(revision) || revision === commit) return
  throw new AppError('hub-refused', `The hub gives ${commit} for ${repository}@${revision}; pull from another HUB_URL.`)
}

function requireDigest({ sha256, name }: PullOrder, { files }: FetchedModel): void {
  const digest = digestOf(files)
  if (sha256 === null || sha256 === digest) return
  const detail = `The files of ${name.repository} have the digest ${digest}, and ${sha256} was asked for`
  throw new AppError('model-corrupt', `${detail}; pin the same revision and precision, or find out what changed.`)
}
