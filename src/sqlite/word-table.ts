import { searchableWords } from '../core/searchable-words.ts'

/**
 * The statements that make a full-text table (FTS5) of searchable words; English endings are cut off (Porter, 1980), so that `dogs run`
 * finds `a dog running`. What is deleted is taken out of the index at once rather than marked.
 */
export const wordTable = (name: string): string => `
  CREATE VIRTUAL TABLE ${name} USING fts5 (
    words, tokenize = "porter unicode61 remove_diacritics 0 categories 'L* N* M* Co'");
  INSERT INTO ${name} (${name}, rank) VALUES ('secure-delete', 1);
`

/** What such a table is given for a text. */
export const storedWords = (text: string): string => searchableWords(text).join(' ')

/** The words of a query as an FTS5 expression: any of them; operators of the user mean nothing. Null where there is no word. */
export function anyWordOf(query: string): string | null {
  const words = [...new Set(searchableWords(query))]
  return words.length === 0 ? null : words.map((word) => `"${word}"`).join(' OR ')
}
