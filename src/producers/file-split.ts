import { parseSplit, type Split } from '../core/split.ts'

/** The split that a file's name begins with, as in `train-00000-of-00002.parquet` or `test.jsonl`; null where it names none. */
export function splitOfFileName(name: string): Split | null {
  const [, word] = /^(train|validation|valid|val|dev|test)(?=[-_.])/.exec(name) ?? []
  return parseSplit(word)
}
