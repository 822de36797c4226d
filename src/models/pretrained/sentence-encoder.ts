import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { sha256Hex } from '../../core/ids.ts'
import { normalise } from '../../core/vector.ts'
import type { TensorFacts } from '../onnx-session.ts'
import { onnxFileOf, type Precision } from './onnx-file.ts'
import { openPretrainedTokeniser } from './pretrained-tokeniser.ts'
import type { PretrainedSessionOptions } from './pretrained-session.ts'
import { readSentenceConfiguration, type Pooling } from './sentence-modules.ts'
import { openTextGraph, type TextGraph } from './text-graph.ts'

/** A frozen network from texts to vectors, which no training changes. */
export type SentenceEncoder = {
  /** Names what the vectors depend on: the network, its tokeniser and its pooling. 16 hexadecimal digits. */
  readonly id: string
  readonly width: number
  /** A unit vector [width] for each text, in order. */
  encode(texts: readonly string[]): Promise<Float32Array[]>
  /** The states of each text's ids before pooling, in order. Throws `model-invalid` where the network gives vectors only. */
  states(texts: readonly string[]): Promise<TokenStates[]>
  /** The unit vector of a text by its states [ids, width], as `encode` makes it of them. */
  vectorOf(states: Float32Array): Float32Array
  close(): Promise<void>
}

/** One state for each id of a text, special tokens included. */
export type TokenStates = {
  readonly ids: readonly number[]
  /** [ids, width], row-major. */
  readonly states: Float32Array
}

export type SentenceEncoderOptions = PretrainedSessionOptions & {
  /** Which of the folder's files. Default full precision, else 8 bit, else half. */
  readonly precision?: Precision
}

/** Outputs in the order in which they are preferred, as Optimum, transformers.js and sentence-transformers name them. */
const OUTPUTS = ['last_hidden_state', 'token_embeddings', 'sentence_embedding']

/**
 * Opens a sentence encoder as published (all-MiniLM-L6-v2, DistilBERT, multilingual ones): a folder of sentence-transformers with
 * `tokenizer.json` and `onnx/model.onnx` or one of its smaller kin. Throws `model-invalid` or `model-corrupt`.
 */
export async function openSentenceEncoder(
  folder: string,
  options: SentenceEncoderOptions = {},
): Promise<SentenceEncoder> {
  const config = await readSentenceConfiguration(folder)
  const tokeniser = await openPretrainedTokeniser(folder, config.maxLength)
  const path = await onnxFileOf(folder, 'model', options.precision)
  const graph = await openTextGraph(path, { ...options, paddingId: tokeniser.paddingId, choose: sentenceOutput })
  const prepare = (text: string): string => (config.lowerCase ? text.toLowerCase() : text)
  const encodingsOf = (texts: readonly string[]) => texts.map((text) => tokeniser.encode(prepare(text)))
  const isPooled = graph.output.shape.length === 2
  try {
    const width = await widthOf(graph, encodingsOf(['a']))
    const tokeniserFile = sha256Hex(await readFile(join(folder, 'tokenizer.json')))
    const depends = [graph.digest, tokeniserFile, JSON.stringify([config, tokeniser.maxLength, options.joinQuantised])]
    const vectorOf = (states: Float32Array): Float32Array => unitVector(pool(states, width, config.pooling))
    return {
      id: sha256Hex(depends.join('\n')).slice(0, 16),
      width,
      async encode(texts) {
        const rows = await graph.run(encodingsOf(texts))
        return rows.map((row) => (isPooled ? unitVector(row) : vectorOf(row)))
      },
      vectorOf,
      async states(texts) {
        if (isPooled) {
          throw new AppError('model-invalid', `${path} gives vectors of texts only; export it with last_hidden_state.`)
        }
        const encodings = encodingsOf(texts)
        const rows = await graph.run(encodings)
        return rows.map((states, index) => ({ ids: encodings[index]?.ids ?? [], states }))
      },
      close: () => graph.close(),
    }
  } catch (error) {
    await graph.close()
    throw error
  }
}

function sentenceOutput(outputs: readonly TensorFacts[]): TensorFacts | undefined {
  const named = OUTPUTS.map((name) => outputs.find((output) => output.name === name))
  return named.find((output) => output !== undefined) ?? outputs.find(({ shape }) => shape.length === 3)
}

async function widthOf({ output, run }: TextGraph, probe: Parameters<TextGraph['run']>[0]): Promise<number> {
  const declared = output.shape.at(-1)
  if (typeof declared === 'number') return declared
  const [row] = await run(probe)
  return (row?.length ?? 0) / (output.shape.length === 2 ? 1 : (probe[0]?.ids.length ?? 1))
}

/** One vector from states [ids, width]: their mean, their greatest values, or the first. */
function pool(states: Float32Array, width: number, pooling: Pooling): Float32Array {
  const vector = states.slice(0, width)
  if (pooling === 'cls') return vector
  for (let at = width; at < states.length; at++) {
    const place = at % width
    const [known, value] = [vector[place] ?? 0, states[at] ?? 0]
    vector[place] = pooling === 'max' ? Math.max(known, value) : known + value
  }
  return vector // of a mean only the direction is wanted, so the sum does
}

/** A text whose states cancel out has the same vector as all such texts. */
function unitVector(vector: Float32Array): Float32Array {
  const unit = normalise(vector)
  if (unit.every((value) => value === 0)) unit[0] = 1
  return unit
}
