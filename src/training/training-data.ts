import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { finished } from 'node:stream/promises'
import { once } from 'node:events'
import { z } from 'zod'
import { AppError } from '../core/errors.ts'
import { vectorBytes } from '../core/vector.ts'

export const FEATURES_FILE = 'features.f32'
/** Embeddings of the captions, for models that build on a sentence encoder. */
export const SENTENCES_FILE = 'sentences.f32'
export const EXAMPLES_FILE = 'examples.jsonl'

export type Fold = 'train' | 'development'
/** A caption of the image whose features are in `row`; `sentence` counts all captions, and is the row of its embedding. */
export type Example = {
  readonly row: number
  readonly sentence: number
  readonly caption: string
  readonly fold: Fold
}

/** An image to learn from: its features under each view (plain, flipped), and its normalised captions. */
export type TrainingImage = {
  readonly views: readonly Float32Array[]
  readonly captions: readonly string[]
  /** Their embeddings, for models that build on a sentence encoder. */
  readonly sentences?: readonly Float32Array[]
  /** The pairs of the captions, in their order, where these may be erased while the data lie on the disk. */
  readonly pairIds?: readonly string[]
  readonly fold: Fold
}

const exampleSchema = z.object({
  row: z.number().int().nonnegative(),
  sentence: z.number().int().nonnegative(),
  caption: z.string().min(1),
  fold: z.enum(['train', 'development']),
})

/**
 * Writes a job's data as the images come, holding none of them: `features.f32` (rows x views x width, little-endian float32),
 * `sentences.f32` (a row a caption) where captions come with embeddings, and `examples.jsonl`, which is there only once all are whole.
 * The order of the images is part of the training's outcome: give them in one that can be repeated.
 */
export async function writeTrainingData(
  jobFolder: string,
  images: AsyncIterable<TrainingImage> | Iterable<TrainingImage>,
): Promise<{ readonly images: number; readonly examples: number }> {
  await mkdir(jobFolder, { recursive: true })
  const examplesPath = join(jobFolder, EXAMPLES_FILE)
  await rm(examplesPath, { force: true })
  await rm(join(jobFolder, SENTENCES_FILE), { force: true })
  const features = createOutput(join(jobFolder, FEATURES_FILE))
  const examples = createOutput(`${examplesPath}.new`)
  const outputs = [features, examples]
  let sentences: Output | null = null
  let rows = 0
  let written = 0
  try {
    for await (const { views, captions, sentences: embedded = [], pairIds, fold } of images) {
      for (const view of views) await features.write(vectorBytes(view))
      if (embedded.length > 0 && sentences === null)
        outputs.push((sentences = createOutput(join(jobFolder, SENTENCES_FILE))))
      for (const sentence of embedded) await sentences?.write(vectorBytes(sentence))
      for (const [i, caption] of captions.entries()) {
        const example: Example = { row: rows, sentence: written++, caption, fold }
        const line = { ...example, pairId: pairIds?.[i] }
        await examples.write(`${JSON.stringify(line)}\n`)
      }
      rows++
    }
  } catch (error) {
    // Each would keep its file open for as long as the process lives, and a request may be tried again any number of times.
    for (const output of outputs) output.destroy()
    throw error
  }
  await Promise.all(outputs.map((output) => output.end()))
  await rename(`${examplesPath}.new`, examplesPath)
  return { images: rows, examples: written }
}

type Output = {
  /** Resolves once more may be written. */
  write(bytes: Uint8Array | string): Promise<void>
  /** Resolves once all is on the disk. */
  end(): Promise<void>
  destroy(): void
}

function createOutput(path: string): Output {
  const stream = createWriteStream(path, { flush: true })
  const ended = finished(stream)
  // Attached at once: a full disk shows itself between two writes, when nobody waits for one.
  ended.catch(() => undefined)
  return {
    async write(bytes) {
      if (!stream.write(bytes)) await Promise.race([once(stream, 'drain'), ended])
    },
    async end() {
      stream.end()
      await ended
    },
    destroy: () => void stream.destroy(),
  }
}

function parseExample(line: string): Example {
  try {
    return exampleSchema.parse(JSON.parse(line))
  } catch (cause) {
    throw new AppError('training-failed', `${EXAMPLES_FILE} has a line that is no example: ${line}`, { cause })
  }
}

/** The job's examples in the order of the file, one by one. Throws `training-failed` at a line that is none. */
export async function* readExamples(jobFolder: string): AsyncGenerator<Example> {
  for await (const line of createInterface({ input: createReadStream(join(jobFolder, EXAMPLES_FILE)) })) {
    yield parseExample(line)
  }
}
