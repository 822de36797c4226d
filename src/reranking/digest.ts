import { createHash } from 'node:crypto'

/** SHA-256 of a sequence of values as JSON, in hexadecimal digits; value by value, since together they may be longer than a text can be. */
export function digestOf(values: Iterable<unknown>): string {
  const hash = createHash('sha256')
  for (const value of values) hash.update(`${JSON.stringify(value)}\n`)
  return hash.digest('hex')
}
