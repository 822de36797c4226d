import type { PairPublished } from '../core/events.ts'
import { drawSplit, isCounted, mergeSplits, type Split } from '../core/split.ts'
import type { Database } from '../sqlite/database.ts'

export type ImageSplit = { readonly split: Split; readonly splitKey: string }

/**
 * Which set an image is in. Each image claims one set: what its first record names, or else what is drawn; later records without
 * a name follow. A group of near-duplicates is in the set that its images agree on, or in validation. Agreement does not depend on
 * the order of partitions, so a catalogue that is folded anew puts every image where it was.
 */
export function createSplitFold(database: Database): (pair: PairPublished) => ImageSplit {
  const member = database.prepare<{ split_key: string }>('SELECT split_key FROM split_member WHERE image_id = ?')
  const group = database.prepare<{ split: Split }>('SELECT split FROM split_group WHERE split_key = ?')
  const addMember = database.prepare('INSERT INTO split_member VALUES (?, ?)')
  const setGroup = database.prepare('INSERT OR REPLACE INTO split_group VALUES (?, ?)')
  const moveImages = database.prepare('UPDATE image SET split = ? WHERE split_key = ?')
  const movePairs = database.prepare(
    `UPDATE pair SET counted = ? AND caption IS NOT NULL
     WHERE image_id IN (SELECT image_id FROM image WHERE split_key = ?)`,
  )

  const claim = (splitKey: string, claimed: Split | null): Split => {
    const known = group.get(splitKey)?.split
    const split = known === undefined ? (claimed ?? drawSplit(splitKey)) : mergeSplits(known, claimed)
    if (split === known) return split
    setGroup.run(splitKey, split)
    if (known !== undefined) {
      moveImages.run(split, splitKey)
      movePairs.run(isCounted(split) ? 1 : 0, splitKey)
    }
    return split
  }

  return ({ imageId, perceptualHash, split: named }) => {
    const known = member.get(imageId)
    const splitKey = known?.split_key ?? perceptualHash ?? imageId
    if (known !== undefined) return { splitKey, split: claim(splitKey, named) }
    addMember.run(imageId, splitKey)
    return { splitKey, split: claim(splitKey, named ?? drawSplit(splitKey)) }
  }
}
