import { PADDING_ID, UNKNOWN_ID } from '../models/tokeniser.ts'
import { bucketOf } from './definitions/bigrams.ts'
import { bigramRows, type WordTower } from './definitions/shape.ts'
import type { Words } from './word-table.ts'

/** Calls back for every row of the table that is read, the row of the tower's input that it goes to, and what it is multiplied by. */
export type Reading = (captions: readonly Words[], visit: (id: number, row: number, factor: number) => void) => void

/** A caption's words without those that are unknown, as a tower reads them. */
export const knownWords = (words: Int32Array): Int32Array => words.map((id) => (id === UNKNOWN_ID ? PADDING_ID : id))

const isRead = (id: number): boolean => id !== PADDING_ID

/** Calls back for each pair of neighbouring words, both of which are read. */
export function eachBigram(
  words: ArrayLike<number>,
  buckets: number,
  visit: (bucket: number, first: number, second: number) => void,
): void {
  if (buckets === 0) return
  for (let place = 1; place < words.length; place++) {
    const [first, second] = [words[place - 1] as number, words[place] as number]
    if (isRead(first) && isRead(second)) visit(bucketOf(first, second, buckets), first, second)
  }
}

/** The mean of a caption's words, a row a caption, plus the mean of their pairs, whose rows are behind those of the vocabulary. */
const readMeans =
  (vocabulary: number, buckets: number): Reading =>
  (captions, visit) => {
    for (const [row, words] of captions.entries()) {
      const count = words.reduce((sum, id) => (isRead(id) ? sum + 1 : sum), 0)
      for (const id of words) if (isRead(id)) visit(id, row, 1 / count)
      let pairs = 0
      eachBigram(words, buckets, () => pairs++)
      eachBigram(words, buckets, (bucket) => visit(vocabulary + bucket, row, 1 / pairs))
    }
  }

/** Every word by itself, time first: row `place x captions + caption`. */
const readPlaces: Reading = (captions, visit) => {
  for (const [caption, words] of captions.entries()) {
    for (const [place, id] of words.entries()) if (isRead(id)) visit(id, place * captions.length + caption, 1)
  }
}

/** How a tower reads a table of so many rows. */
export const readingOf = (words: WordTower, rows: number): Reading =>
  words.kind === 'bag' ? readMeans(rows - bigramRows(words), bigramRows(words)) : readPlaces
