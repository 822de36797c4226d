import { randomUUID } from 'node:crypto'
import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError } from '../core/errors.ts'
import { vectorBytes } from '../core/vector.ts'
import { readSafetensors, readSafetensorsMetadata } from '../models/safetensors.ts'

/** Arrays by name with a note, as one file. */
type WeightsFile = { readonly note: string; readonly arrays: Readonly<Record<string, Float32Array>> }

type Entry = {
  readonly dtype: 'F32'
  readonly shape: readonly [number]
  readonly data_offsets: readonly [number, number]
}

/**
 * Writes arrays in the safetensors format (length of the header, header as JSON, bytes), whole or not at all: to a temporary file, to
 * the disk, and only then under its name, which a reader or a crash never sees half written.
 */
export async function writeWeightsFile(path: string, { note, arrays }: WeightsFile): Promise<void> {
  const entries: Record<string, Entry> = {}
  let offset = 0
  for (const [name, values] of Object.entries(arrays)) {
    entries[name] = { dtype: 'F32', shape: [values.length], data_offsets: [offset, offset + values.byteLength] }
    offset += values.byteLength
  }
  const json = JSON.stringify({ __metadata__: { note }, ...entries })
  const header = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  await writeDurably(path, [length, header, ...Object.values(arrays).map(vectorBytes)])
}

/** The file's arrays, or null when there is none. Throws `model-corrupt` where it is not one that was written here. */
export async function readWeightsFile(path: string): Promise<WeightsFile | null> {
  const file = await readFile(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  })
  if (file === null) return null
  const tensors = readSafetensors(file)
  const { note } = readSafetensorsMetadata(file)
  if (note === undefined)
    throw new AppError('model-corrupt', `${path} lacks the note that weights come with; write it again.`)
  return { note, arrays: Object.fromEntries([...tensors].map(([name, tensor]) => [name, tensor.floats()])) }
}

/** Writes a file so that after a crash it is there whole or as it was before. */
export async function writeDurably(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const temporary = `${path}.${randomUUID()}.part`
  const file = await open(temporary, 'w')
  try {
    for (const part of parts) await file.writeFile(part)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  const folder = await open(dirname(path), 'r')
  await folder.sync().finally(() => folder.close())
}
