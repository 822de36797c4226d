import { AppError } from './errors.ts'
import { sha256Hex } from './ids.ts'
import { splits, type Split } from './split.ts'

type SnapshotEntry = { readonly pairId: string; readonly split: Split }

/** The file of a snapshot: a line a pair, `pairId split`, sorted by pairId; named by the SHA-256 of its bytes. */
export function writeSnapshot(entries: Iterable<SnapshotEntry>): { key: string; bytes: Uint8Array } {
  const lines = [...entries].map(({ pairId, split }) => `${pairId} ${split}\n`).sort()
  const bytes = Buffer.from(lines.join(''), 'utf8')
  return { key: `snapshots/${sha256Hex(bytes)}`, bytes }
}

/** The entries of a snapshot's file. Throws `snapshot-incomplete` when it is none. */
export function readSnapshot(bytes: Uint8Array): SnapshotEntry[] {
  const lines = Buffer.from(bytes)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
  return lines.map((line) => {
    const [pairId = '', name] = line.split(' ')
    const split = splits.find((known) => known === name)
    if (pairId === '' || split === undefined)
      throw new AppError('snapshot-incomplete', 'A line of the snapshot is damaged.')
    return { pairId, split }
  })
}

/** The split of a pair in a snapshot's file, found by halving its sorted lines; null where it is not in it. */
export function splitInSnapshot(bytes: Uint8Array, pairId: string): Split | null {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let [from, to] = [0, file.length]
  while (from < to) {
    const middle = Math.floor((from + to) / 2)
    const start = middle === 0 ? 0 : file.lastIndexOf('\n', middle - 1) + 1
    const end = file.indexOf('\n', middle)
    const [found = '', name] = file.toString('utf8', start, end < 0 ? file.length : end).split(' ')
    if (found === pairId) return splits.find((known) => known === name) ?? null
    if (found < pairId) from = end < 0 ? to : end + 1
    else to = start
  }
  return null
}
