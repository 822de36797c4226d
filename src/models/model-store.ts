import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError } from '../core/errors.ts'
import { randomId, sha256Hex } from '../core/ids.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import { checkModelFolder, listModelFiles } from './model-folder.ts'
import { decodeManifest, encodeManifest, type ManifestFile, type ModelManifest } from './model-manifest.ts'

/** Model versions in the blob store: files by content, so that versions share what they have in common, and a manifest each. */
export type ModelStore = {
  /** Stores a complete model folder; `extra` goes into the manifest. The same folder and `extra` give the same key. */
  save(folder: string, extra: { readonly modelVersion: string } & Readonly<Record<string, unknown>>): Promise<string>
  /** Throws `model-not-found` or `model-corrupt`. */
  manifest(manifestKey: string): Promise<ModelManifest>
  /** A local folder with the model, fetched where it is not here, every file checked. Throws `model-not-found` or `model-corrupt`. */
  open(manifestKey: string): Promise<string>
  /** Reads every file in the store and compares it with the manifest; how many there are. Throws `model-not-found` or `model-corrupt`. */
  verify(manifestKey: string): Promise<number>
  /** Writes the model into a new or empty directory, where it needs nothing else. Throws `invalid-request` when it is not empty. */
  export(manifestKey: string, directory: string): Promise<void>
}

type ModelStoreOptions = {
  readonly blobs: BlobStore
  /** For the disposable local copies. */
  readonly folder: string
}

const blobKey = (sha256: string): string => `models/${sha256}`

export function createModelStore({ blobs, folder }: ModelStoreOptions): ModelStore {
  const opening = new Map<string, Promise<string>>()

  async function manifest(manifestKey: string): Promise<ModelManifest> {
    const bytes = await blobs.get(manifestKey)
    if (bytes === null) {
      throw new AppError('model-not-found', `There is no model ${manifestKey}; see 'pairstream models list'.`)
    }
    return decodeManifest(manifestKey, bytes)
  }

  async function bytesOf({ path, sha256 }: ManifestFile): Promise<Uint8Array> {
    const bytes = await blobs.get(blobKey(sha256))
    if (bytes === null || sha256Hex(bytes) !== sha256) {
      const what = bytes === null ? 'missing from' : 'damaged in'
      throw new AppError(
        'model-corrupt',
        `${path} is ${what} the blob store; restore ${blobKey(sha256)} or train again.`,
      )
    }
    return bytes
  }

  async function fetchFile(file: ManifestFile, target: string): Promise<void> {
    const bytes = await bytesOf(file)
    const place = join(target, file.path)
    await mkdir(dirname(place), { recursive: true })
    const unfinished = `${place}.${randomId()}.part`
    try {
      await writeFile(unfinished, bytes)
      await rename(unfinished, place)
    } catch (cause) {
      await rm(unfinished, { force: true })
      if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC') throw cause
      throw new AppError('storage-full', `The disk that holds ${target} is full; free some space and go on.`, { cause })
    }
  }

  async function isWhole(file: ManifestFile, target: string): Promise<boolean> {
    const bytes = await readFile(join(target, file.path)).catch(() => null)
    return bytes !== null && sha256Hex(bytes) === file.sha256
  }

  /** Files that are there and whole stay; the others are fetched. A crash in between leaves nothing that is believed later. */
  async function bringHere(manifestKey: string): Promise<string> {
    const { modelVersion, files } = await manifest(manifestKey)
    const target = join(folder, `${modelVersion}-${sha256Hex(manifestKey).slice(0, 8)}`)
    for (const file of files) if (!(await isWhole(file, target))) await fetchFile(file, target)
    return target
  }

  return {
    manifest,
    async save(source, extra) {
      await checkModelFolder(source)
      const files: ManifestFile[] = []
      for (const path of await listModelFiles(source)) {
        const bytes = await readFile(join(source, path))
        const sha256 = sha256Hex(bytes)
        await blobs.put(blobKey(sha256), bytes)
        files.push({ path, sha256, bytes: bytes.length })
      }
      const { key, bytes } = encodeManifest({ ...extra, files })
      await blobs.put(key, bytes)
      return key
    },
    open(manifestKey) {
      const known = opening.get(manifestKey)
      if (known !== undefined) return known
      const bringing = bringHere(manifestKey).finally(() => opening.delete(manifestKey))
      opening.set(manifestKey, bringing)
      return bringing
    },
    async verify(manifestKey) {
      const { files } = await manifest(manifestKey)
      for (const file of files) await bytesOf(file)
      return files.length
    },
    async export(manifestKey, directory) {
      const { files } = await manifest(manifestKey)
      const present = await readdir(directory).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
        throw new AppError('invalid-request', `${directory} is not a folder; name a new one.`, { cause: error })
      })
      if (present.length > 0) throw new AppError('invalid-request', `${directory} is not empty; name a new folder.`)
      for (const file of files) await fetchFile(file, directory)
    },
  }
}
