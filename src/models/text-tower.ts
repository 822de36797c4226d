import { join } from 'node:path'
import { AppError } from '../core/errors.ts'
import type { TextOptions } from '../ports/encoder.ts'
import type { FeatureCache } from './feature-cache.ts'
import { createMicroBatcher } from './micro-batcher.ts'
import { readModelJson, type DualEncoderConfiguration } from './model-config.ts'
import { SENTENCE_FOLDER, TEXT_MODEL_FILE } from './model-folder.ts'
import type { OnnxSession } from './onnx-session.ts'
import { openNetwork } from './open-network.ts'
import { openSentenceEncoder, type SentenceEncoder } from './pretrained/sentence-encoder.ts'
import { createTokeniser, PADDING_ID, type Tokeniser } from './tokeniser.ts'
import { unitRows } from './unit-rows.ts'

/** The texts' side of a dual encoder. */
export type TextTower = {
  /** A unit vector [dimension] for each text, in order. */
  encode(texts: readonly string[], options?: TextOptions): Promise<Float32Array[]>
  close(): Promise<void>
}

export type TextTowerOptions = {
  /** Where the embeddings of captions are looked up and kept that belong to pairs; without it every text is read. */
  readonly features?: FeatureCache | undefined
  /** Threads within an operator. */
  readonly threads: number
  /** What reads texts for the network, and stays open with whoever gave it. Default the encoder in `sentence/`, where the network takes one. */
  readonly sentences?: SentenceEncoder | undefined
}

/** A text as `text_model.onnx` takes it: the ids of its words, its embedding by the sentence encoder, or both. */
type ReadText = { readonly ids: readonly number[]; readonly sentence: Float32Array | null }

const TEXTS_A_RUN = 64
/** How long the first text waits for others, in milliseconds. */
const WAIT = 2

/**
 * Opens `text_model.onnx` with what comes before it: the model's own words where it takes `input_ids`, the encoder in `sentence/` where it takes
 * `sentence_embeds` and none is given. Throws `model-invalid` or `model-corrupt`.
 */
export async function openTextTower(
  folder: string,
  config: DualEncoderConfiguration,
  options: TextTowerOptions,
): Promise<TextTower> {
  const { threads } = options
  // A bag of words takes less than a millisecond, which is what a thread would cost.
  const isHeavy = config.text_tower != null && config.text_tower.kind !== 'bag'
  const session = await openNetwork(join(folder, TEXT_MODEL_FILE), { threads, onThread: isHeavy })
  try {
    const takes = (input: string): boolean => session.inputs.some(({ name }) => name === input)
    const tokeniser = takes('input_ids') ? createTokeniser(await readModelJson(folder, 'tokenizer.json')) : null
    const own = takes('sentence_embeds') && options.sentences === undefined
    const opened = own ? await openSentences(folder, config, threads) : null
    const sentences = opened ?? options.sentences ?? null
    return createTextTower(config, { session, tokeniser, sentences, opened, features: options.features })
  } catch (error) {
    await session.close()
    throw error
  }
}

/** The encoder holds the thread that calls it for milliseconds a text, so it has one of its own. */
async function openSentences(
  folder: string,
  { sentence_width: width }: DualEncoderConfiguration,
  threads: number,
): Promise<SentenceEncoder> {
  const encoder = await openSentenceEncoder(join(folder, SENTENCE_FOLDER), { threads, onThread: true })
  if (encoder.width === width) return encoder
  await encoder.close()
  throw new AppError(
    'model-invalid',
    `${folder} takes sentences of ${width ?? 'no'} numbers, its encoder gives ${encoder.width}; put it together with the one it was trained on.`,
  )
}

type Parts = {
  readonly session: OnnxSession
  /** Null where the network reads no words of its own. */
  readonly tokeniser: Tokeniser | null
  readonly sentences: SentenceEncoder | null
  /** What is to be closed with the tower. */
  readonly opened: SentenceEncoder | null
  readonly features: FeatureCache | undefined
}

function createTextTower(
  { projection_dim: dimension }: DualEncoderConfiguration,
  { session, tokeniser, sentences, opened, features }: Parts,
): TextTower {
  const words = session.inputs.find(({ name }) => name === 'input_ids')
  const fixedLength = words?.shape[1]

  const wordFeeds = (texts: readonly ReadText[]) => {
    const length = typeof fixedLength === 'number' ? fixedLength : Math.max(1, ...texts.map(({ ids }) => ids.length))
    const shape = [texts.length, length]
    const input_ids = { data: new BigInt64Array(texts.length * length).fill(BigInt(PADDING_ID)), shape }
    const attention_mask = { data: new BigInt64Array(texts.length * length), shape }
    texts.forEach(({ ids }, row) => {
      ids.slice(0, length).forEach((id, place) => {
        input_ids.data[row * length + place] = BigInt(id)
        attention_mask.data[row * length + place] = 1n
      })
    })
    return { input_ids, attention_mask }
  }

  const sentenceFeeds = (texts: readonly ReadText[], width: number) => {
    const data = new Float32Array(texts.length * width)
    texts.forEach(({ sentence }, row) => data.set(sentence ?? [], row * width))
    return { sentence_embeds: { data, shape: [texts.length, width] } }
  }

  const lane = createMicroBatcher<ReadText, Float32Array>({
    maxSize: TEXTS_A_RUN,
    maxAge: WAIT,
    async run(texts) {
      const feeds = {
        ...(words === undefined ? {} : wordFeeds(texts)),
        ...(sentences === null ? {} : sentenceFeeds(texts, sentences.width)),
      }
      const { text_embeds } = await session.run(feeds, ['text_embeds'])
      return unitRows(text_embeds.data, texts.length, dimension)
    },
  })

  const embed = async (
    encoder: SentenceEncoder,
    texts: readonly string[],
    { pairIds, signal }: TextOptions,
  ): Promise<readonly Float32Array[]> => {
    if (features === undefined || pairIds === undefined) return encoder.encode(texts)
    const captions = texts.map((caption, i) => ({ caption, pairId: pairIds[i] ?? '' }))
    return features.sentences(captions, encoder, signal)
  }

  return {
    async encode(texts, options = {}) {
      const embedded = sentences === null ? [] : await embed(sentences, texts, options)
      const read = (text: string, i: number): ReadText => ({
        ids: tokeniser?.encode(text) ?? [],
        sentence: embedded[i] ?? null,
      })
      return lane.submit(texts.map(read))
    },
    async close() {
      await lane.close()
      await Promise.all([session.close(), opened?.close()])
    },
  }
}
