import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, extname, join, relative } from 'node:path'
import { watch } from 'chokidar'
import { AppError } from '../core/errors.ts'
import { captionExtensions, pictureSource, stemOf } from './formats/folder.ts'
import { isPictureName } from './picture-files.ts'
import type { Publisher } from './publisher.ts'
import type { PublishReport } from './publish-report.ts'
import { publishSource } from './publish-source.ts'

type WatchOptions = {
  /** After each picture that was published, or tried. */
  readonly onReport: (report: PublishReport) => void
  /** What is unavailable or not understood; the picture is tried again. */
  readonly onError: (error: unknown) => void
  /** A picture is read once neither it nor its captions have changed for so many milliseconds. Default 1,000. */
  readonly stableFor?: number
  /** Milliseconds until a picture that met something unavailable is tried again. Default 5,000. */
  readonly retryAfter?: number
}

type FolderWatch = {
  /** Resolves once the picture in hand is done; those that waited are left for the next run. */
  stop(): Promise<void>
}

const isCaptionFile = (name: string): boolean => captionExtensions.includes(extname(name))

/**
 * Publishes the pictures of a folder and the folders below it, with the captions beside them, and again whenever one of these files
 * appears or changes. Resolves when it has begun to watch. What is published stays when a file goes. Throws `source-not-found`.
 */
export async function watchFolder(folder: string, publisher: Publisher, options: WatchOptions): Promise<FolderWatch> {
  const { onReport, onError, stableFor = 1_000, retryAfter = 5_000 } = options
  const found = await stat(folder).catch(() => null)
  if (found?.isDirectory() !== true) {
    throw new AppError('source-not-found', `There is no folder at ${folder}; only folders can be watched.`)
  }
  // A picture and its captions share a stem, and come one after the other: both are waited for.
  const waiting = new Map<string, NodeJS.Timeout>()
  const stopping = new AbortController()
  let work: Promise<void> = Promise.resolve()

  const publishStem = async (stem: string): Promise<void> => {
    if (stopping.signal.aborted) return
    try {
      const names = await readdir(join(folder, dirname(stem)))
      const pictures = names.filter((name) => isPictureName(name) && stemOf(name) === basename(stem)).sort()
      for (const name of pictures) {
        const source = pictureSource(folder, join(dirname(stem), name))
        onReport(await publishSource(source, publisher, { signal: stopping.signal }))
      }
    } catch (error) {
      onError(error)
      wait(stem, retryAfter)
    }
  }
  const wait = (stem: string, milliseconds: number): void => {
    clearTimeout(waiting.get(stem))
    const ready = (): void => {
      waiting.delete(stem)
      work = work.then(() => publishStem(stem))
    }
    if (!stopping.signal.aborted) waiting.set(stem, setTimeout(ready, milliseconds))
  }
  const noticed = (path: string): void => {
    if (isPictureName(path) || isCaptionFile(path)) wait(stemOf(relative(folder, path)), stableFor)
  }

  const watcher = watch(folder, {
    followSymlinks: false,
    ignored: (path) => path !== folder && basename(path).startsWith('.'),
  })
  watcher.on('add', noticed).on('change', noticed).on('error', onError)
  await new Promise<void>((resolve) => watcher.once('ready', resolve))
  return {
    async stop() {
      stopping.abort()
      await watcher.close()
      for (const timer of waiting.values()) clearTimeout(timer)
      waiting.clear()
      await work
    },
  }
}
