import { AppError } from '../../core/errors.ts'
import type { RegisteredVersion } from '../../ports/tracking.ts'
import type { Database } from '../../sqlite/database.ts'

export const VERSION_TABLES = `
  CREATE TABLE IF NOT EXISTS versions (
    number INTEGER PRIMARY KEY,
    model_version TEXT NOT NULL UNIQUE,
    run_id TEXT NOT NULL,
    manifest TEXT NOT NULL,
    tags TEXT NOT NULL,
    registered_at INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS aliases (alias TEXT PRIMARY KEY, model_version TEXT NOT NULL) WITHOUT ROWID;
`

type VersionRow = { model_version: string; run_id: string; manifest: string; tags: string; registered_at: number }

const tagsOf = (row: { tags: string }): Record<string, string> => JSON.parse(row.tags) as Record<string, string>

export function createVersionRecords(database: Database) {
  const insert = database.prepare(
    'INSERT OR IGNORE INTO versions (model_version, run_id, manifest, tags, registered_at) VALUES (?, ?, ?, ?, ?)',
  )
  const find = database.prepare<VersionRow>('SELECT * FROM versions WHERE model_version = ?')
  const list = database.prepare<VersionRow>('SELECT * FROM versions ORDER BY registered_at, number')
  const setTags = database.prepare('UPDATE versions SET tags = ? WHERE model_version = ?')
  const setAlias = database.prepare('INSERT OR REPLACE INTO aliases VALUES (?, ?)')
  const deleteAlias = database.prepare('DELETE FROM aliases WHERE alias = ?')
  const aliases = database.prepare<{ alias: string; model_version: string }>('SELECT * FROM aliases ORDER BY alias')

  const mustFind = (modelVersion: string): VersionRow => {
    const row = find.get(modelVersion)
    if (row === undefined) throw new AppError('model-not-found', `No model version ${modelVersion} is registered.`)
    return row
  }

  return {
    register: ({ modelVersion, runId, manifest, tags, registeredAt }: RegisteredVersion): void =>
      void insert.run(modelVersion, runId, manifest, JSON.stringify(tags), registeredAt),
    /** Throws `model-not-found`. */
    tag: (modelVersion: string, tags: Readonly<Record<string, string>>): void =>
      database.transaction(() => {
        const merged = { ...tagsOf(mustFind(modelVersion)), ...tags }
        setTags.run(JSON.stringify(merged), modelVersion)
      }),
    list: (): RegisteredVersion[] =>
      list.all().map((row) => ({
        modelVersion: row.model_version,
        runId: row.run_id,
        manifest: row.manifest,
        tags: tagsOf(row),
        registeredAt: row.registered_at,
      })),
    /** Throws `model-not-found`; null takes the alias away. */
    setAlias: (alias: string, modelVersion: string | null): void =>
      database.transaction(() => {
        if (modelVersion === null) deleteAlias.run(alias)
        else setAlias.run(alias, mustFind(modelVersion).model_version)
      }),
    aliases: (): Record<string, string> =>
      Object.fromEntries(aliases.all().map((row) => [row.alias, row.model_version])),
  }
}
