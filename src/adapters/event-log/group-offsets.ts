import type { Database } from '../../sqlite/database.ts'
import type { AnyTopic } from './topic-settings.ts'

/** The offsets that consumer groups have committed. */
export interface GroupOffsets {
  committed(group: string, topic: AnyTopic): Map<number, number>
  /**
   * Commits what was read from `from` on, unless the offset was set elsewhere meanwhile: a batch in hand must not undo a seek.
   * To be called within a transaction, as `seek` is.
   */
  commit(group: string, topic: AnyTopic, partition: number, from: number, next: number): void
  seek(group: string, topic: AnyTopic, partition: number, next: number): void
  groups(): string[]
  remove(group: string): void
}

export function createGroupOffsets(database: Database): GroupOffsets {
  const select = database.prepare<{ partition: number; next_offset: number }>(
    'SELECT partition, next_offset FROM group_offset WHERE name = ? AND topic = ?',
  )
  const current = database.prepare<{ next_offset: number }>(
    'SELECT next_offset FROM group_offset WHERE name = ? AND topic = ? AND partition = ?',
  )
  const upsert = database.prepare(
    'INSERT OR REPLACE INTO group_offset (name, topic, partition, next_offset) VALUES (?, ?, ?, ?)',
  )
  const names = database.prepare<{ name: string }>('SELECT DISTINCT name FROM group_offset ORDER BY name')
  const remove = database.prepare('DELETE FROM group_offset WHERE name = ?')

  return {
    committed: (group, topic) =>
      new Map(select.all(group, topic).map(({ partition, next_offset }) => [partition, next_offset])),
    commit(group, topic, partition, from, next) {
      const isUnmoved = (current.get(group, topic, partition)?.next_offset ?? 0) === from
      if (isUnmoved) upsert.run(group, topic, partition, next)
    },
    seek: (group, topic, partition, next) => void upsert.run(group, topic, partition, next),
    groups: () => names.all().map(({ name }) => name),
    remove: (group) => void remove.run(group),
  }
}
