import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { fileDigests } from './file-digests.ts'
import { HubAway } from './hub-away.ts'
import type { Hub } from './hub.ts'
import type { LockedFile } from './lock-file.ts'
import type { AnnouncedFile, ModelListing } from './model-listing.ts'
import { persistently } from './patience.ts'
import type { Answer } from './request.ts'

type Download = {
  readonly hub: Hub
  readonly listing: ModelListing
  readonly file: AnnouncedFile
  /** Where finished files and parts of others are, by their paths. */
  readonly folder: string
  /** The most bytes that the file may have. */
  readonly limit: number
  readonly onBytes: (done: number) => void
}

/** An attempt that got this far was not in vain. */
const WORTH_ANOTHER = 1024 * 1024

/**
 * Fetches one file into the folder, going on where a killed pull has left off, and compares it with what the hub announces. It has its
 * name only once it is whole and on the disk. Throws `model-corrupt` for other content, `model-unsafe` for too much of it, and as `Hub`.
 */
export async function downloadFile(download: Download): Promise<LockedFile> {
  const { file, folder, hub } = download
  const place = join(folder, file.path)
  const before = await fileDigests(place, hub.persistence.signal)
  if (before !== null && isAsAnnounced(before, file)) return { path: file.path, ...sealed(before) }

  const part = `${place}.part`
  await mkdir(dirname(place), { recursive: true })
  for (let first = true; ; first = false) {
    const wasResumed = await fetchWhole(download, part)
    const digests = await fileDigests(part, hub.persistence.signal)
    if (digests !== null && isAsAnnounced(digests, file)) {
      await rename(part, place)
      await rm(tagOf(part), { force: true })
      return { path: file.path, ...sealed(digests) }
    }
    await discard(part)
    // Two halves may be of different files where the hub, or whatever stands before it, cannot tell them apart.
    if (wasResumed && first) continue
    const detail = `${file.path} of ${download.listing.repository} is not what the hub announces`
    throw new AppError('model-corrupt', `${detail}; pull it again, or from another HUB_URL.`)
  }
}

const sealed = ({ bytes, sha256 }: { bytes: number; sha256: string }) => ({ bytes, sha256 })

function isAsAnnounced(found: { bytes: number; sha256: string; gitBlob: string }, file: AnnouncedFile): boolean {
  const { bytes, sha256, gitBlob } = file
  return (
    (bytes === null || bytes === found.bytes) &&
    (sha256 === null || sha256 === found.sha256) &&
    (gitBlob === null || gitBlob === found.gitBlob)
  )
}

/** The entity tag that a part was fetched under is kept beside it. */
const tagOf = (part: string): string => `${part}.etag`

async function discard(part: string): Promise<void> {
  await rm(part, { force: true })
  await rm(tagOf(part), { force: true })
}

/** Resolves once the part is as long as the file; whether some of it was there before. */
async function fetchWhole(download: Download, part: string): Promise<boolean> {
  const { hub, file } = download
  let wasResumed = false
  await persistently(async (gotFurther) => {
    const begin = await sizeOf(part)
    if (begin > 0 && begin === file.bytes) {
      wasResumed = true
      return
    }
    const resumable = begin > 0 && begin < (file.bytes ?? Infinity)
    const tag = resumable ? await readFile(tagOf(part), 'utf8').catch(() => null) : null
    // Without a tag only what the hub announces can show that both halves belong together.
    const goesOn = resumable && (tag !== null || file.sha256 !== null || file.gitBlob !== null)
    const range = { range: `bytes=${begin}-`, ...(tag === null ? {} : { 'if-range': tag }) }
    const answer = await hub.open(download.listing, file.path, goesOn ? range : {})
    const from = startOf(answer, goesOn ? begin : 0)
    if (from === null) {
      await discard(part)
      throw new HubAway(`The hub sent another range of ${file.path} than was asked for.`, 0)
    }
    wasResumed ||= from > 0
    const end = await write(answer, { ...download, part, from })
    if (end - from >= WORTH_ANOTHER) gotFurther()
  }, hub.persistence)
  return wasResumed
}

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => null))?.size ?? 0

/** Where the body begins: at 0 where the hub ignores the range, null where it is of no use. */
function startOf({ status, headers }: Answer, asked: number): number | null {
  if (status === 200) return 0
  const [, begin] = /^bytes (\d+)-/.exec(headers.get('content-range') ?? '') ?? []
  return status === 206 && Number(begin) === asked ? asked : null
}

type Writing = Download & { readonly part: string; readonly from: number }

/** Appends the body to the part, or begins it anew; gives its length then. What came before a failure stays for the next attempt. */
async function write(answer: Answer, { part, from, file, limit, onBytes, hub }: Writing): Promise<number> {
  if (from === 0) await keepTag(answer, part)
  const handle = await open(part, from === 0 ? 'w' : 'a')
  let end = from
  const isTooLong = (): boolean => end > (file.bytes ?? limit)
  try {
    for await (const piece of answer.pieces) {
      end += piece.length
      if (isTooLong()) break
      await handle.appendFile(piece)
      onBytes(end)
      hub.persistence.signal.throwIfAborted()
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  if (isTooLong()) {
    await discard(part)
    throw new AppError('model-unsafe', `${file.path} is longer than ${file.bytes ?? limit} bytes; it was not kept.`)
  }
  if (file.bytes !== null && end < file.bytes) throw new HubAway(`The hub broke off in the middle of ${file.path}.`)
  return end
}

/** Only a strong tag says that all bytes are the same (RFC 9110, section 13.1.5); a body that was unpacked has other bytes. */
async function keepTag({ headers }: Answer, part: string): Promise<void> {
  const tag = headers.get('etag')
  if (tag !== null && /^"[\x21\x23-\x7e]*"$/.test(tag) && headers.get('content-encoding') === null) {
    await writeFile(tagOf(part), tag)
  } else await rm(tagOf(part), { force: true })
}
