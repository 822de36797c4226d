import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import type { Run, Tracking } from '../../ports/tracking.ts'
import { openDatabase } from '../../sqlite/database.ts'
import { isBlobKey } from '../blob-store/blob-key.ts'
import { createFileBlobStore } from '../blob-store/files.ts'
import { createRunRecords, RUN_TABLES, type RunRecord } from './run-records.ts'
import { createVersionRecords, VERSION_TABLES } from './version-records.ts'

function translate(error: unknown): never {
  if (error instanceof AppError && error.code === 'blob-store-unavailable') {
    throw new AppError('tracking-unavailable', 'The folder of the artefacts cannot be used.', { cause: error })
  }
  throw error
}

/** A run's id names the folder of its artefacts. */
function checkRunId(runId: string): void {
  if (isBlobKey(runId) && !runId.includes('/')) return
  throw new AppError('invalid-request', 'The id of a run holds letters, digits, dots, dashes and underscores.')
}

/** Tracking in `folder`: `tracking.db` for runs and versions, `artefacts/<run>/<name>` for files to look at. */
export function createFileTracking({ folder }: { readonly folder: string }): Tracking {
  mkdirSync(folder, { recursive: true })
  const database = openDatabase(join(folder, 'tracking.db'), { unavailable: 'tracking-unavailable' })
  database.transaction(() => database.exec(RUN_TABLES + VERSION_TABLES))
  const runs = createRunRecords(database)
  const versions = createVersionRecords(database)
  const artefacts = createFileBlobStore({ folder: join(folder, 'artefacts') })
  let closed = false

  const withArtefacts = async (run: RunRecord): Promise<Run> => {
    const prefix = `${run.runId}/`
    const names: string[] = []
    try {
      for await (const { key } of artefacts.list(prefix)) names.push(key.slice(prefix.length))
    } catch (error) {
      translate(error)
    }
    return { ...run, artefacts: names.sort() }
  }

  return {
    async startRun(run) {
      checkRunId(run.runId)
      runs.start(run)
    },
    async logMetrics(runId, step, metrics, at) {
      runs.logMetrics(runId, step, metrics, at)
    },
    async logArtefact(runId, name, bytes) {
      runs.mustExist(runId)
      await artefacts.put(`${runId}/${name}`, bytes).catch(translate)
    },
    async readArtefact(runId, name) {
      checkRunId(runId)
      return artefacts.get(`${runId}/${name}`).catch(translate)
    },
    async endRun(runId, state, at) {
      runs.end(runId, state, at)
    },
    async run(runId) {
      const found = runs.find(runId)
      return found === null ? null : withArtefacts(found)
    },
    async runs(experiment) {
      return Promise.all(runs.list(experiment).map(withArtefacts))
    },
    async register(version) {
      versions.register(version)
    },
    async tag(modelVersion, tags) {
      versions.tag(modelVersion, tags)
    },
    async versions() {
      return versions.list()
    },
    async setAlias(alias, modelVersion) {
      versions.setAlias(alias, modelVersion)
    },
    async aliases() {
      return versions.aliases()
    },
    async close() {
      if (closed) return
      closed = true
      await artefacts.close()
      database.close()
    },
  }
}
