import { PADDING_ID } from '../models/tokeniser.ts'
import type { WordTower } from './definitions/shape.ts'
import type { Words } from './word-table.ts'

/** Calls back for every word that is read: its id, the row of the tower's input that it goes to, and what it is multiplied by. */
export type Reading = (captions: readonly Words[], visit: (id: number, row: number, factor: number) => void) => void

/** The mean of a caption's words, a row a caption. */
const readMeans: Reading = (captions, visit) => {
  for (const [row, words] of captions.entries()) {
    const count = words.reduce((sum, id) => (id === PADDING_ID ? sum : sum + 1), 0)
    for (const id of words) if (id !== PADDING_ID) visit(id, row, 1 / count)
  }
}

/** Every word by itself, time first: row `place x captions + caption`. */
const readPlaces: Reading = (captions, visit) => {
  for (const [caption, words] of captions.entries()) {
    for (const [place, id] of words.entries()) if (id !== PADDING_ID) visit(id, place * captions.length + caption, 1)
  }
}

export const readingOf = ({ kind }: WordTower): Reading => (kind === 'bag' ? readMeans : readPlaces)
