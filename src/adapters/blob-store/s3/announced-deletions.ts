import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { AppError } from '../../../core/errors.ts'
import type { Objects } from './objects.ts'

/** Milliseconds from before a deletion is announced within which its last request is over, or it is given up. */
const DELETION_TIME = 5_000
/** Milliseconds after which an announcement was left by a process that was killed. Far more than a deletion may take. */
const STALE = 15_000

/**
 * Deletions that no put can slip under, for buckets without versions, where a deletion cannot be tied to what it was decided on.
 * A deletion is announced by an object of its own; then the blob is looked at, deleted, and the announcement withdrawn. A put looks
 * for announcements after it has stored the blob, and then for the blob itself. S3 shows what was written to whoever reads next,
 * so one of the two sees the other:
 * - announced after the put had looked: the deletion looks at the blob later still, finds it new, and spares it;
 * - announced before: the put finds the announcement and stores the blob again until it is withdrawn, or finds that the blob is gone.
 *
 * What is not covered: a process that is held up for ten seconds between its last look at the clock and its request, or a request
 * that a network delivers so late. Buckets with versions have no such gap.
 */
export function createAnnouncedDeletions(objects: Objects, root: string) {
  /** `~` is in no key. The hash keeps the name within every server's limits. */
  const folderOf = (key: string): string => `${root}~deleting/${createHash('sha256').update(key).digest('hex')}/`

  const announcementsOf = async (key: string, signal: AbortSignal) => {
    const found: { name: string; putAt: number }[] = []
    for await (const each of objects.list(folderOf(key), signal)) found.push(each)
    return found
  }

  return {
    /** To be called once the blob is stored: true when it stays; false when it must be stored again. */
    async isKept(key: string, signal: AbortSignal): Promise<boolean> {
      const announcements = await announcementsOf(key, signal)
      const blob = await objects.head(root + key, signal)
      if (blob === null) return false
      // Both times are of the server's clock.
      const stale = announcements.filter(({ putAt }) => blob.putAt - putAt > STALE)
      for (const { name } of stale) await objects.delete(name, undefined, signal)
      return stale.length === announcements.length
    },

    /** Deletes the blob unless its last put is after `time`, in milliseconds since the epoch. */
    async delete(key: string, time: number): Promise<void> {
      const isOld = async (signal?: AbortSignal): Promise<boolean> => {
        const found = await objects.head(root + key, signal)
        return found !== null && found.putAt <= time
      }
      if (!(await isOld())) return
      const signal = AbortSignal.timeout(DELETION_TIME)
      const announcement = folderOf(key) + randomUUID()
      await objects.put(announcement, new Uint8Array(0), signal)
      try {
        if (await isOld(signal)) await objects.delete(root + key, undefined, signal)
      } finally {
        // One that is left goes stale and is cleared by the next put.
        await objects.delete(announcement).catch(() => undefined)
      }
    },
  }
}

/** Stores until `isKept`; the waits between attempts grow, up to a second. */
export async function storeUntilKept(store: () => Promise<void>, isKept: () => Promise<boolean>, signal: AbortSignal) {
  for (let wait = 20; ; wait = Math.min(wait * 2, 1_000)) {
    await store()
    if (await isKept()) return
    await delay(wait, undefined, { signal }).catch(() => {
      throw new AppError('blob-store-unavailable', 'The blob is being deleted by somebody else; put it again.')
    })
  }
}
