/**
 * Captions with their images as training sees them, by number. They lie in arrays of numbers: a million captions of a dozen words take
 * 70 MB, while objects would take ten times as much.
 */
export type ExampleSet = {
  readonly length: number
  /** The row of the image's features. */
  row(example: number): number
  /** The row of the caption's embedding. */
  sentence(example: number): number
  /** Equal for equal captions: 53 bits of a hash, so that another caption has it by chance once in 10^16. */
  captionKey(example: number): number
  /** The ids of the caption's words, unknown ones included. */
  words(example: number): Int32Array
  /** First examples of the runs in which one image's captions stand together, and behind the last its end. */
  readonly imageStarts: Uint32Array
}

type Fields = {
  readonly row: number
  readonly sentence: number
  readonly captionKey: number
  readonly words: readonly number[]
}

type NumberArray = Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Float64Array<ArrayBuffer>

/** An array that grows as it is written to. */
function createGrowing<T extends NumberArray>(make: (length: number) => T) {
  let values = make(1024)
  let length = 0
  return {
    push(value: number): void {
      if (length === values.length) {
        const larger = make(values.length * 2)
        larger.set(values)
        values = larger
      }
      values[length++] = value
    },
    length: () => length,
    /** What was written, in no more memory than it needs. */
    whole: (): T => values.slice(0, length) as T,
  }
}

/** Collects examples one by one, an image's captions together. */
export function createExampleSetBuilder() {
  const rows = createGrowing((length) => new Uint32Array(length))
  const sentences = createGrowing((length) => new Uint32Array(length))
  const keys = createGrowing((length) => new Float64Array(length))
  const starts = createGrowing((length) => new Uint32Array(length))
  const words = createGrowing((length) => new Int32Array(length))
  const imageStarts = createGrowing((length) => new Uint32Array(length))
  let lastRow = -1
  return {
    add({ row, sentence, captionKey, words: ids }: Fields): void {
      if (row !== lastRow) imageStarts.push(rows.length())
      lastRow = row
      rows.push(row)
      sentences.push(sentence)
      keys.push(captionKey)
      starts.push(words.length())
      for (const id of ids) words.push(id)
    },
    build(): ExampleSet {
      starts.push(words.length())
      imageStarts.push(rows.length())
      const all = { rows: rows.whole(), sentences: sentences.whole(), keys: keys.whole(), starts: starts.whole() }
      const allWords = words.whole()
      return {
        length: all.rows.length,
        row: (example) => all.rows[example] as number,
        sentence: (example) => all.sentences[example] as number,
        captionKey: (example) => all.keys[example] as number,
        words: (example) => allWords.subarray(all.starts[example], all.starts[example + 1]),
        imageStarts: imageStarts.whole(),
      }
    },
  }
}

/** FNV-1a over the ids, once from each of two offsets. */
export function captionKeyOf(ids: readonly number[]): number {
  let low = 0x811c9dc5
  let high = 0x01000193
  for (const id of ids) {
    low = Math.imul(low ^ id, 0x01000193)
    high = Math.imul(high ^ (id + 0x9e37), 0x01000193)
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0)
}
