/**
 * SentencePiece's character map (`precompiled_charsmap`): a trie from UTF-8 byte sequences to what replaces them, such as NFKC with its
 * own exceptions. The layout is that of Darts-clone (github.com/s-yata/darts-clone): a length, that many bytes of 32-bit units, then the
 * replacements, each ended by a zero byte.
 */
export type Charsmap = (text: string) => string

/** Longer clusters of characters are looked up a character at a time, as the Rust library does. */
const LONGEST_CLUSTER_BYTES = 5

const offsetOf = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6)
const labelOf = (unit: number): number => (unit & 0x800000ff) >>> 0
const hasLeaf = (unit: number): boolean => ((unit >>> 8) & 1) === 1
const valueOf = (unit: number): number => unit & 0x7fffffff

/** Reads a map from its base64 text. A damaged one replaces nothing where it makes no sense. */
export function readCharsmap(base64: string): Charsmap {
  const bytes = Buffer.from(base64, 'base64')
  const trieBytes = bytes.length < 4 ? 0 : Math.min(bytes.readUInt32LE(0), bytes.length - 4)
  const units = Uint32Array.from({ length: Math.floor(trieBytes / 4) }, (_, i) => bytes.readUInt32LE(4 + 4 * i))
  const replacements = bytes.subarray(4 + trieBytes)
  const known = new Map<string, string | null>()

  /** Where the replacement of the shortest known prefix begins. */
  function findPrefix(key: Uint8Array): number | null {
    let unit = units[0] ?? 0
    let position = offsetOf(unit)
    for (const byte of key) {
      position ^= byte
      unit = units[position] ?? 0
      if (byte === 0 || labelOf(unit) !== byte) return null
      position ^= offsetOf(unit)
      if (hasLeaf(unit)) return valueOf(units[position] ?? 0)
    }
    return null
  }

  const lookUp = (key: string): string | null => {
    let found = known.get(key)
    if (found === undefined) {
      const start = findPrefix(Buffer.from(key))
      const end = start === null ? -1 : replacements.indexOf(0, start)
      found = start === null ? null : replacements.toString('utf8', start, end === -1 ? replacements.length : end)
      known.set(key, found)
    }
    return found
  }

  const clusters = new Intl.Segmenter('und', { granularity: 'grapheme' })
  return (text) => {
    known.clear() // within one text characters repeat; over all texts there is no end of them
    let result = ''
    for (const { segment } of clusters.segment(text)) {
      const whole = Buffer.byteLength(segment) <= LONGEST_CLUSTER_BYTES ? lookUp(segment) : null
      if (whole !== null) result += whole
      else for (const character of segment) result += lookUp(character) ?? character
    }
    return result
  }
}
