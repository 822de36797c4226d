import { closeSync, openSync, readSync } from 'node:fs'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { AppError } from '../core/errors.ts'
import { fromHalf, toHalf } from '../models/half-precision.ts'
import type { SentenceEncoder } from '../models/pretrained/sentence-encoder.ts'
import { writeDurably } from '../training/weights-file.ts'
import { digestOf } from './digest.ts'

/** The states of the ids of many texts, in a file: at half precision, since frozen states need no more, and read text by text. */
export type TokenStatesFile = {
  readonly width: number
  readonly maxTokens: number
  readonly texts: number
  /** Writes the states of a text to row `row` of `states` [rows, maxTokens, width] and of `mask` [rows, maxTokens], zeros where it has ended. */
  read(text: number, states: Float32Array, mask: Float32Array, row: number): void
  /** The states of a text, [ids, width]. */
  of(text: number): Float32Array
  close(): void
}

type WritingOptions = {
  /** Ids of a text that are kept, from its beginning. */
  readonly maxTokens: number
  readonly onText?: (written: number) => void
  readonly signal?: AbortSignal | undefined
}

const TEXTS_AT_ONCE = 256
const BYTES = Uint16Array.BYTES_PER_ELEMENT

const indexSchema = z.object({
  /** What the states depend on: encoder, texts and how many ids are kept. */
  of: z.string(),
  width: z.number(),
  maxTokens: z.number(),
  /** How many ids each text has. */
  tokens: z.array(z.number()),
})
type Index = z.infer<typeof indexSchema>

const indexPath = (path: string): string => `${path}.json`

async function readIndex(path: string): Promise<Index | null> {
  try {
    return indexSchema.parse(JSON.parse(await readFile(indexPath(path), 'utf8')))
  } catch {
    return null
  }
}

/**
 * Writes the states of `texts` to `path`, and what it takes to read them beside it; nothing where the same states lie there already.
 * Throws the signal's reason when it is aborted.
 */
export async function writeTokenStates(
  path: string,
  texts: readonly string[],
  encoder: Pick<SentenceEncoder, 'id' | 'width' | 'states'>,
  { maxTokens, onText, signal }: WritingOptions,
): Promise<void> {
  const { id, width } = encoder
  const of = digestOf([id, maxTokens, ...texts])
  if ((await readIndex(path))?.of === of) return
  await mkdir(dirname(path), { recursive: true })
  await rm(indexPath(path), { force: true })
  const tokens: number[] = []
  const file = await open(`${path}.part`, 'w')
  try {
    for (let from = 0; from < texts.length; from += TEXTS_AT_ONCE) {
      signal?.throwIfAborted()
      const found = await encoder.states(texts.slice(from, from + TEXTS_AT_ONCE))
      const kept = found.map(({ ids, states }) => states.subarray(0, Math.min(ids.length, maxTokens) * width))
      for (const states of kept) {
        tokens.push(states.length / width)
        await file.write(new Uint8Array(toHalf(states).buffer))
      }
      onText?.(tokens.length)
    }
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.part`, path)
  const index: Index = { of, width, maxTokens, tokens }
  await writeDurably(indexPath(path), [Buffer.from(JSON.stringify(index))])
}

/** Every number of 16 bits as one of 32: looked up, since each step of a training widens a million of them. */
const widened = fromHalf(Uint16Array.from({ length: 0x10000 }, (_, bits) => bits))

/** Opens what `writeTokenStates` wrote. Throws `training-failed` where it is not there whole. */
export async function openTokenStates(path: string): Promise<TokenStatesFile> {
  const index = await readIndex(path)
  if (index === null) throw new AppError('training-failed', `${path} holds no token states; write them again.`)
  const { width, maxTokens, tokens } = index
  const starts = new Float64Array(tokens.length + 1)
  tokens.forEach((count, text) => (starts[text + 1] = (starts[text] ?? 0) + count * width))
  const file = openSync(path, 'r')
  const halves = new Uint16Array(maxTokens * width)
  /** Writes the states of a text to `target` from `at` on; how many numbers they are. */
  const readInto = (target: Float32Array, at: number, text: number): number => {
    const length = (tokens[text] ?? 0) * width
    const bytes = new Uint8Array(halves.buffer, 0, length * BYTES)
    const read = readSync(file, bytes, 0, bytes.length, (starts[text] ?? 0) * BYTES)
    if (read < bytes.length || text >= tokens.length) {
      throw new AppError('training-failed', `${path} has no states of text ${text}; write them again.`)
    }
    for (let i = 0; i < length; i++) target[at + i] = widened[halves[i] as number] as number
    return length
  }
  return {
    width,
    maxTokens,
    texts: tokens.length,
    read(text, states, mask, row) {
      const at = row * maxTokens * width
      const length = readInto(states, at, text)
      states.fill(0, at + length, at + maxTokens * width)
      mask.fill(1, row * maxTokens, row * maxTokens + length / width)
      mask.fill(0, row * maxTokens + length / width, (row + 1) * maxTokens)
    },
    of(text) {
      const states = new Float32Array((tokens[text] ?? 0) * width)
      readInto(states, 0, text)
      return states
    },
    close: () => closeSync(file),
  }
}
