import usearch from 'usearch'
import { createBestList, type Scored } from './best-list.ts'

const CHUNK_BYTES = 2 * 1024 * 1024

/**
 * The vectors of one collection in memory, dense, by point number. They lie in chunks, so that growing copies nothing and leaves no
 * more than one chunk unused; the last row fills the gap that a deletion leaves.
 */
export interface VectorTable {
  size(): number
  has(number: number): boolean
  numbers(): Iterable<number>
  /** The stored vector, normalised; a view of the table, valid until its next change. */
  vector(number: number): Float32Array | null
  /** Adds a point; does nothing when its number is there. */
  add(number: number, id: string, vector: Float32Array): void
  delete(number: number): void
  /** The best `count` by cosine with `query` (unit length), among `candidates` or all points. Unknown numbers are passed over. */
  best(query: Float32Array, count: number, candidates?: Iterable<number>): Scored[]
}

/** Four sums at once keep the processor's units busy: a third of the time of one sum. */
function rowDot(chunk: Float32Array, start: number, query: Float32Array): number {
  const length = query.length
  const whole = length - (length % 4)
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let i = 0
  for (; i < whole; i += 4) {
    a += (chunk[start + i] as number) * (query[i] as number)
    b += (chunk[start + i + 1] as number) * (query[i + 1] as number)
    c += (chunk[start + i + 2] as number) * (query[i + 2] as number)
    d += (chunk[start + i + 3] as number) * (query[i + 3] as number)
  }
  for (; i < length; i++) a += (chunk[start + i] as number) * (query[i] as number)
  return a + b + c + d
}

/** Rows beyond the wanted ones that are asked for: where these all score alike too, a tie may reach further. */
const TIE_MARGIN = 16
/** What usearch's dot product may differ by from `rowDot`, which adds in another order. */
const ROUNDING = 1e-5

/**
 * Rows of a chunk among which its best `count` are, ties included, by usearch's vector instructions: a tenth of the time of a loop. Null
 * where that cannot be said, because as many more score alike.
 */
function bestRows(rows: Float32Array, query: Float32Array, count: number): readonly number[] | null {
  const wanted = count + TIE_MARGIN
  if (rows.length / query.length <= wanted) return null
  const { keys, distances } = usearch.exactSearch(rows, query, query.length, wanted, usearch.MetricKind.IP, 1)
  const reached = distances[count - 1] as number
  return (distances[wanted - 1] as number) > reached + ROUNDING ? Array.from(keys, Number) : null
}

export function createVectorTable(dimension: number): VectorTable {
  const rowsPerChunk = Math.max(1, Math.floor(CHUNK_BYTES / (4 * dimension)))
  const chunks: Float32Array[] = []
  const numbers: number[] = []
  const ids: string[] = []
  const rows = new Map<number, number>()

  const chunkOf = (row: number): Float32Array => chunks[Math.floor(row / rowsPerChunk)] as Float32Array
  const startOf = (row: number): number => (row % rowsPerChunk) * dimension
  const view = (row: number): Float32Array => chunkOf(row).subarray(startOf(row), startOf(row) + dimension)

  return {
    size: () => numbers.length,
    has: (number) => rows.has(number),
    numbers: () => numbers,
    vector(number) {
      const row = rows.get(number)
      return row === undefined ? null : view(row)
    },
    add(number, id, vector) {
      if (rows.has(number)) return
      const row = numbers.length
      if (row === chunks.length * rowsPerChunk) chunks.push(new Float32Array(rowsPerChunk * dimension))
      // Stored vectors may be off unit length by a rounding; the score is to be a cosine all the same.
      const scale = 1 / Math.sqrt(rowDot(vector, 0, vector))
      const target = view(row)
      for (let i = 0; i < dimension; i++) target[i] = (vector[i] as number) * scale
      numbers.push(number)
      ids.push(id)
      rows.set(number, row)
    },
    delete(number) {
      const row = rows.get(number)
      if (row === undefined) return
      const last = numbers.length - 1
      if (row !== last) {
        view(row).set(view(last))
        numbers[row] = numbers[last] as number
        ids[row] = ids[last] as string
        rows.set(numbers[row], row)
      }
      rows.delete(number)
      numbers.pop()
      ids.pop()
      if (numbers.length <= (chunks.length - 1) * rowsPerChunk) chunks.pop()
    },
    best(query, count, candidates) {
      const list = createBestList(count)
      const consider = (row: number): void => {
        const score = Math.min(1, Math.max(-1, rowDot(chunkOf(row), startOf(row), query)))
        if (list.admits(score)) list.offer({ score, id: ids[row] as string, number: numbers[row] as number })
      }
      if (candidates === undefined) {
        for (const [i, chunk] of chunks.entries()) {
          const first = i * rowsPerChunk
          const filled = Math.min(rowsPerChunk, numbers.length - first)
          const best = count === 0 ? [] : bestRows(chunk.subarray(0, filled * dimension), query, count)
          if (best === null) for (let row = 0; row < filled; row++) consider(first + row)
          else for (const row of best) consider(first + row)
        }
      } else {
        for (const number of candidates) {
          const row = rows.get(number)
          if (row !== undefined) consider(row)
        }
      }
      return list.sorted()
    },
  }
}
