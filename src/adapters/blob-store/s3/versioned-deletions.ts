import type { Objects } from './objects.ts'

/**
 * Deletions in a bucket with versions. Every put makes a version of its own, and a deletion names the versions it means: one that
 * is put meanwhile is not among them, so it stays whatever happens, also when the deleting process is held up for hours. All
 * versions are deleted for ever, oldest first, so that none comes back to light and an erased picture is nowhere.
 */
export function createVersionedDeletions(objects: Objects, root: string) {
  return {
    /** Deletes the blob unless its last put is after `time`, in milliseconds since the epoch. */
    async delete(key: string, time: number): Promise<void> {
      const versions = await objects.versions(root + key)
      if (versions.some(({ putAt }) => putAt > time)) return
      for (const { versionId } of versions) await objects.delete(root + key, versionId)
    },
  }
}
