import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Catalogue } from '../catalogue/catalogue.ts'

/**
 * Removes the folders of trainings whose answer, of whatever kind, is in the log: they hold captions and features, and their
 * checkpoint is of no more use. A folder is named after its model version.
 */
export async function removeAnsweredJobs(workFolder: string, catalogue: Pick<Catalogue, 'model'>): Promise<void> {
  const names = await readdir(workFolder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  })
  for (const name of names) {
    if (catalogue.model(name) !== null) await rm(join(workFolder, name), { recursive: true, force: true })
  }
}
