import { join } from 'node:path'
import type { Topic } from '../../src/core/events.ts'
import { openDatabase } from '../../src/sqlite/database.ts'
import type { Platform } from './consumer-harness.ts'

/** Makes a record of the log one that nobody can decode. */
export function spoil({ folder }: Pick<Platform, 'folder'>, topic: Topic, key: string): void {
  const database = openDatabase(join(folder, 'log.db'))
  database.prepare("UPDATE record SET value = x'ff' WHERE topic = ? AND key = ?").run(topic, key)
  database.close()
}
