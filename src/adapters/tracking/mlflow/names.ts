import { posix } from 'node:path'

/** MLflow's limit in characters. */
export const LONGEST_NAME = 250

/** Tags of this driver begin so; those of users are kept from doing so. */
export const OWN = 'pairstream.'

const NAMED: Readonly<Record<string, string>> = { '@': 'at', '%': 'percent' }
const CHARACTERS = new Map(Object.entries(NAMED).map(([character, name]) => [name, character]))

const escape = (character: string): string =>
  `:${NAMED[character] ?? `x${(character.codePointAt(0) ?? 0).toString(16)}`}:`

/**
 * A name of a parameter, metric or tag as MLflow takes it: `recall@10` becomes `recall:at:10`. It refuses most characters, and
 * names that are no plain path. Every name has a form of its own, and `decodeName` gives it back.
 */
export function encodeName(name: string): string {
  const encoded = name.replace(/[^\w.\- /]/gu, escape)
  const isPlainPath = encoded !== '' && posix.normalize(encoded) === encoded && !/^(\.|\/)|\/$/.test(encoded)
  if (isPlainPath && !encoded.startsWith(OWN)) return encoded
  return encoded === '' ? '::' : encoded.replace(/[./]/g, escape)
}

export const decodeName = (text: string): string =>
  text.replace(/:(?:x([0-9a-f]+)|([a-z]*)):/g, (whole, code: string | undefined, name: string | undefined) => {
    if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16))
    return name === '' ? '' : (CHARACTERS.get(name ?? '') ?? whole)
  })

/** A text inside a filter of MLflow, which knows two kinds of quotes and no escapes. */
export const quoted = (text: string): string => (text.includes("'") ? `"${text}"` : `'${text}'`)
