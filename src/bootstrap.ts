import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseBlobKey, withEncryption } from './adapters/blob-store/encrypted.ts'
import { createFileBlobStore } from './adapters/blob-store/files.ts'
import { createSqliteLog } from './adapters/event-log/sqlite.ts'
import { createFileTracking } from './adapters/tracking/files.ts'
import { createEmbeddedIndex } from './adapters/vector-index/embedded.ts'
import type { Catalogue } from './catalogue/catalogue.ts'
import { openCatalogue, type RefusedRecord } from './catalogue/open-catalogue.ts'
import type { Config } from './config.ts'
import { holdFolder, holdFolderIfFree } from './data-folder.ts'
import type { DriverChoices } from './driver-choices.ts'
import { withDeadline } from './core/deadline.ts'
import { AppError } from './core/errors.ts'
import { unlessStopped } from './core/stop.ts'
import type { BlobStore } from './ports/blob-store.ts'
import type { EventLog } from './ports/event-log.ts'
import type { Tracking } from './ports/tracking.ts'
import type { VectorIndex } from './ports/vector-index.ts'
import { openDatabase } from './sqlite/database.ts'
import type { FolderLock } from './sqlite/folder-lock.ts'
import { withTraces } from './telemetry/traced-log.ts'

/** The drivers that the configuration names, behind their ports, and the catalogue over them. */
export type Platform = {
  readonly config: Config
  readonly log: EventLog
  readonly blobs: BlobStore
  readonly index: VectorIndex
  readonly tracking: Tracking
  readonly catalogue: Catalogue
  /** Whether this process holds the data folder: only then may it fold the catalogue and run consumers. */
  readonly holdsFolder: boolean
  /** Whether nobody else can be at work on the log: it is embedded, and no other process held the data folder when this one opened it. */
  readonly isAlone: boolean
  readonly clock: () => number
  /** Rejects when something that must not end has ended. */
  readonly failed: Promise<never>
  close(): Promise<void>
}

/** Told what a driver has to say that is no failure of a call. */
type OnWarning = (text: string) => void

export type PlatformOptions = {
  /** The data folder, where the caller holds it already and gives it up itself. */
  readonly folder?: FolderLock
  /** Whether nothing is to be opened, and no log begun, before anything was published: that is then `not-ready`. */
  readonly needsData?: boolean
  readonly onWarning?: OnWarning
  /** Told of each record that the catalogue has to pass. */
  readonly onRefused?: (record: RefusedRecord) => void
  /** Told that the drivers are open and the catalogue is folded from here on, which takes minutes where there is much of it. */
  readonly onFolding?: (drivers: Drivers) => void
  /** Told, until the catalogue has caught up, each time that it has come further. */
  readonly onFolded?: (catalogue: Catalogue) => void
}

export type Access =
  /** Takes the data folder, or fails with `data-folder-locked`. */
  | 'own'
  /** Takes it when it is free; beside a process that has it, appends and reads. */
  | 'share'
  /**
   * Only appends. Takes the folder for as long as it needs to know what is there, so that a long publishing keeps nobody from
   * serving; what it knows of others' pairs stays as of then.
   */
  | 'append'
  /** As `share`, to look at what is there: makes no topics, schemas or bucket, and appends nothing to a log on servers. */
  | 'look'

/** Opens the drivers and folds the catalogue over them. Throws `not-ready` when `signal` is raised before that is done. */
export async function openPlatform(
  config: Config,
  access: Access,
  options: PlatformOptions = {},
  signal?: AbortSignal,
): Promise<Platform> {
  const { needsData = false, onWarning = () => undefined, onRefused = () => undefined, onFolding, onFolded } = options
  if (needsData) requireLogFile(config)
  const foldedHere = access === 'append' && (await foldOnce(config, options))
  const taken = options.folder === undefined ? takeFolder(config, access) : null
  const holdsFolder = (options.folder ?? taken) !== null
  const opened: (() => Promise<unknown>)[] = [async () => taken?.release()]
  const close = async (): Promise<void> => {
    for (const end of opened.toReversed()) await end()
  }
  try {
    if (!holdsFolder && !existsSync(config.cataloguePath)) {
      throw new AppError(
        'not-ready',
        'The process that holds the data folder is still starting; try again in a moment.',
      )
    }
    const opening = openDrivers(config, { writable: holdsFolder, makes: access !== 'look', needsData, onWarning })
    // One that opens after a stop, because its server took so long, ends with the process.
    const drivers = await unlessStopped(opening, signal)
    for (const driver of Object.values(drivers)) opened.push(() => driver.close())
    const { log, blobs } = drivers
    const database = openDatabase(config.cataloguePath, { readonly: !holdsFolder, rebuildable: true })
    const catalogue = openCatalogue({ database, blobs, readonly: !holdsFolder, onRefused })
    opened.push(async () => catalogue.close())
    onFolding?.(drivers)
    const unsubscribe = catalogue.onChange(() => onFolded?.(catalogue))
    const follower = holdsFolder ? await catalogue.follow(log, signal) : null
    opened.push(async () => follower?.stop().catch(() => undefined))
    // Without a process that folds, there is nothing to wait for.
    if (holdsFolder) await catalogue.caughtUp(log, signal)
    else if (!foldedHere) await withDeadline(catalogue.caughtUp(log), LONGEST_FOLD_ELSEWHERE, stalled)
    unsubscribe()

    let fail: (error: unknown) => void = () => undefined
    const failed = new Promise<never>((_, reject) => (fail = reject))
    failed.catch(() => undefined)
    follower?.done.catch(fail)
    const isAlone = config.drivers.eventLog.kind === 'sqlite' && (holdsFolder || foldedHere)
    return { ...drivers, config, catalogue, holdsFolder, isAlone, clock: Date.now, failed, close }
  } catch (error) {
    await close().catch(() => undefined)
    throw error
  }
}

/** The process that folds takes seconds at most for what is new, or does not answer at all; in milliseconds. */
const LONGEST_FOLD_ELSEWHERE = 10_000

const stalled = (): AppError =>
  new AppError('not-ready', 'The process that holds the data folder does not go on; look at it, or start it again.')

/** What is wrong with a server, or could be better, and how to put it right. */
export type ServerFinding = { readonly level: 'warning' | 'problem'; readonly text: string }

export type ServerCheck = { readonly name: string; readonly run: () => Promise<readonly ServerFinding[]> }

const problems = (sentences: readonly string[]): readonly ServerFinding[] =>
  sentences.map((text) => ({ level: 'problem', text }))

export type Drivers = Pick<Platform, 'log' | 'blobs' | 'index' | 'tracking'>

type Opening = {
  /** Whether the embedded index may be written. */
  readonly writable: boolean
  /** Whether topics, schemas and bucket are made where they are missing. */
  readonly makes: boolean
  readonly needsData: boolean
  readonly onWarning: OnWarning
}

/** Opens all drivers or none. Those of servers are loaded only where they are used: an embedded start need not wait for them. */
async function openDrivers({ drivers, PARTITIONS }: Config, opening: Opening): Promise<Drivers> {
  const opened: { close(): Promise<void> }[] = []
  const keep = async <T extends { close(): Promise<void> }>(opening: T | Promise<T>): Promise<T> => {
    const driver = await opening
    opened.push(driver)
    return driver
  }
  try {
    return {
      log: withTraces(await keep(openLog(drivers.eventLog, PARTITIONS, opening))),
      blobs: await keep(openBlobs(drivers.blobs, opening)),
      index: await keep(openIndex(drivers.index, opening)),
      tracking: await keep(openTracking(drivers.tracking)),
    }
  } catch (error) {
    for (const driver of opened.toReversed()) await driver.close().catch(() => undefined)
    throw error
  }
}

/** Whether the log was ever begun; what a broker holds is asked of the broker. */
export async function hasLog({ drivers: { eventLog }, PARTITIONS }: Config): Promise<boolean> {
  if (eventLog.kind === 'sqlite') return existsSync(eventLog.path)
  return (await import('./adapters/event-log/kafka.ts')).hasTopics({ ...eventLog, partitions: PARTITIONS })
}

/** An embedded log is looked for before anything is opened; servers are asked as they are connected to. */
function requireLogFile({ drivers: { eventLog }, DATA_DIR }: Config): void {
  if (eventLog.kind !== 'sqlite' || existsSync(eventLog.path)) return
  const detail = `Nothing was published into ${DATA_DIR} yet; use 'pairstream publish', or set DATA_DIR.`
  throw new AppError('not-ready', detail)
}

/** The log alone, to be read: nothing is folded, and nothing made on servers. Throws `not-ready` before anything was published. */
export async function openLogToRead(config: Config): Promise<EventLog> {
  requireLogFile(config)
  const opening = { makes: false, needsData: true, onWarning: () => undefined }
  return openLog(config.drivers.eventLog, config.PARTITIONS, opening)
}

async function openLog(
  choice: DriverChoices['eventLog'],
  partitions: number,
  { makes, needsData, onWarning }: Pick<Opening, 'makes' | 'needsData' | 'onWarning'>,
): Promise<EventLog> {
  if (choice.kind === 'sqlite') return createSqliteLog({ path: choice.path, partitions })
  const { createKafkaLog } = await import('./adapters/event-log/kafka.ts')
  const onLog = (level: 'warn' | 'info', text: string) => {
    if (level === 'warn') onWarning(text)
  }
  return createKafkaLog({ ...choice, partitions, onLog, readOnly: !makes, mustExist: needsData })
}

async function openBlobs(choice: DriverChoices['blobs'], opening: Opening): Promise<BlobStore> {
  const keys = choice.encryptionKeys.map(parseBlobKey)
  return withEncryption(await openPlainBlobs(choice, opening), keys)
}

async function openPlainBlobs(choice: DriverChoices['blobs'], { makes }: Opening): Promise<BlobStore> {
  if (choice.kind === 'files') return createFileBlobStore({ folder: choice.folder })
  quietAboutNode20()
  const { createS3BlobStore } = await import('./adapters/blob-store/s3.ts')
  return createS3BlobStore({ ...choice, create: makes })
}

async function openIndex(choice: DriverChoices['index'], { writable, onWarning }: Opening): Promise<VectorIndex> {
  if (choice.kind === 'embedded') return createEmbeddedIndex({ folder: choice.folder, writable })
  const { createQdrantIndex } = await import('./adapters/vector-index/qdrant.ts')
  const onSnapshotFailure = ({ message }: AppError) => onWarning(`A release has no snapshot yet: ${message}`)
  return createQdrantIndex({ ...choice, onSnapshotFailure })
}

async function openTracking(choice: DriverChoices['tracking']): Promise<Tracking> {
  if (choice.kind === 'files') return createFileTracking({ folder: choice.folder })
  const { createMlflowTracking } = await import('./adapters/tracking/mlflow.ts')
  return createMlflowTracking(choice)
}

/**
 * What each configured server is asked that no port can ask: version, rights, settings; what is not as it should be is a sentence. It
 * needs no open driver, so it can say why one does not open.
 */
export function serverChecks({ drivers, PARTITIONS: partitions }: Config): readonly ServerCheck[] {
  const { eventLog, index, blobs, tracking } = drivers
  const checks: (ServerCheck | null)[] = [
    eventLog.kind === 'sqlite'
      ? null
      : {
          name: 'Kafka',
          run: async () =>
            problems(await (await import('./adapters/event-log/kafka.ts')).checkKafka({ ...eventLog, partitions })),
        },
    index.kind === 'embedded'
      ? null
      : {
          name: 'Qdrant',
          run: async () => problems(await (await import('./adapters/vector-index/qdrant.ts')).checkQdrant(index)),
        },
    blobs.kind === 'files'
      ? null
      : {
          name: 'S3',
          run: async () => {
            quietAboutNode20()
            return (await import('./adapters/blob-store/s3.ts')).checkS3(blobs)
          },
        },
    tracking.kind === 'files'
      ? null
      : {
          name: 'MLflow',
          run: async () => problems(await (await import('./adapters/tracking/mlflow.ts')).checkMlflow(tracking)),
        },
  ]
  return checks.filter((check) => check !== null)
}

/** The S3 client warns of each start on Node 20, which this program supports by choice. */
function quietAboutNode20(): void {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'
}

/** Brings the catalogue up to date where nobody else does; whether it did. */
async function foldOnce(config: Config, options: PlatformOptions): Promise<boolean> {
  const lock = holdFolderIfFree(config)
  if (lock === null) return false
  lock.release()
  const platform = await openPlatform(config, 'share', options)
  await platform.close()
  return platform.holdsFolder
}

function takeFolder(config: Config, access: Access): FolderLock | null {
  if (access === 'append') return null
  return access === 'own' ? holdFolder(config) : holdFolderIfFree(config)
}

/** The built search page, where the program was built; null from source without a build. */
export function builtWebFolder(): string | null {
  const folders = [join(import.meta.dirname, 'web'), join(import.meta.dirname, '..', 'dist', 'web')]
  return folders.find((folder) => existsSync(join(folder, 'index.html'))) ?? null
}
