import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { AppError } from '../core/errors.ts'
import { vectorBytes } from '../core/vector.ts'

/**
 * A shard holds the features of many images, or of many pairs, in one file, little-endian:
 * `PSF1`, number of rows, width (uint32 each); for each row the id (16 bytes) and the CRC-32 of its values; the CRC-32 of all
 * that; the rows (float32). A row so can be read, and proven, by itself.
 */
export type Shard = {
  readonly ids: readonly string[]
  /** The features in a row, or null when they are damaged. */
  read(row: number): Float32Array | null
  close(): void
}

export type ShardEntry = readonly [id: string, features: Float32Array]

const MAGIC = Buffer.from('PSF1')
const HEADER_BYTES = 12
const ID_BYTES = 16
const ENTRY_BYTES = ID_BYTES + 4
const CHECKSUM_BYTES = 4

const idBytes = (id: string): Buffer => Buffer.from(id.replaceAll('-', ''), 'hex')

const idText = (bytes: Buffer): string =>
  bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')

/** The bytes of a shard of at least one entry, all of one width. */
export function encodeShard(entries: readonly ShardEntry[]): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES)
  MAGIC.copy(header)
  header.writeUInt32LE(entries.length, 4)
  header.writeUInt32LE(entries[0]?.[1].length ?? 0, 8)
  const table = entries.map(([id, features]) => {
    const checksum = Buffer.alloc(4)
    checksum.writeUInt32LE(crc32(vectorBytes(features)))
    return Buffer.concat([idBytes(id), checksum])
  })
  const head = Buffer.concat([header, ...table])
  const checksum = Buffer.alloc(CHECKSUM_BYTES)
  checksum.writeUInt32LE(crc32(head))
  return Buffer.concat([head, checksum, ...entries.map(([, features]) => vectorBytes(features))])
}

/** Whether these are the bytes of a whole shard, its rows left aside. */
export const isShard = (bytes: Uint8Array): boolean =>
  readShard(
    (position, length) => Buffer.from(bytes.subarray(position, position + length)),
    bytes.length,
    () => undefined,
  ) !== null

/** Opens a shard's file; null when there is none or it is not whole. Throws as `localFailure` says where the machine does not let it. */
export function openShard(path: string): Shard | null {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw localFailure(path, cause)
  }
  const bytesAt = (position: number, length: number): Buffer => {
    const bytes = Buffer.alloc(length)
    return bytes.subarray(0, readSync(file, bytes, 0, length, position))
  }
  const shard = readShard(bytesAt, fstatSync(file).size, () => closeSync(file))
  if (shard === null) closeSync(file)
  return shard
}

/** What is wrong with this machine's disk, not with the features: `storage-full`, else `not-ready`. Both pass, and nothing is lost until then. */
export function localFailure(path: string, cause?: unknown): AppError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code
  if (code === 'ENOSPC')
    return new AppError('storage-full', `The disk that holds ${path} is full; free some space and go on.`, { cause })
  const reason = code ?? 'it is not what was written'
  return new AppError(
    'not-ready',
    `The local copy of features ${path} cannot be used (${reason}); look at this machine's disk and its limits.`,
    { cause },
  )
}

function readShard(
  bytesAt: (position: number, length: number) => Buffer,
  size: number,
  close: () => void,
): Shard | null {
  const header = bytesAt(0, HEADER_BYTES)
  if (header.length < HEADER_BYTES || !header.subarray(0, 4).equals(MAGIC)) return null
  const [count, width] = [header.readUInt32LE(4), header.readUInt32LE(8)]
  const headBytes = HEADER_BYTES + count * ENTRY_BYTES
  const rowBytes = width * Float32Array.BYTES_PER_ELEMENT
  if (size !== headBytes + CHECKSUM_BYTES + count * rowBytes) return null
  const head = bytesAt(0, headBytes + CHECKSUM_BYTES)
  if (crc32(head.subarray(0, headBytes)) !== head.readUInt32LE(headBytes)) return null
  const entryAt = (row: number): number => HEADER_BYTES + row * ENTRY_BYTES
  const ids = Array.from({ length: count }, (_, row) => idText(head.subarray(entryAt(row), entryAt(row) + ID_BYTES)))
  return {
    ids,
    read(row) {
      const bytes = bytesAt(headBytes + CHECKSUM_BYTES + row * rowBytes, rowBytes)
      if (bytes.length < rowBytes || crc32(bytes) !== head.readUInt32LE(entryAt(row) + ID_BYTES)) return null
      const features = new Float32Array(width)
      vectorBytes(features).set(bytes)
      return features
    },
    close,
  }
}
