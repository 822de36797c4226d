import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { sha256Hex } from '../../core/ids.ts'
import type { Reranker } from '../../ports/reranker.ts'
import type { TensorFacts } from '../onnx-session.ts'
import { onnxFileOf, type Precision } from './onnx-file.ts'
import type { PretrainedSessionOptions } from './pretrained-session.ts'
import { openPretrainedTokeniser } from './pretrained-tokeniser.ts'
import { readPositions } from './sentence-modules.ts'
import { openTextGraph } from './text-graph.ts'

type CrossEncoderOptions = PretrainedSessionOptions & {
  /** Which of the folder's files. Default full precision, else 8 bit, else half. */
  readonly precision?: Precision
  /** Default `logit`, as the network gives it; a probability is its sigmoid. */
  readonly scale?: Reranker['scale']
  /** Ids that a query and a document have together at most; less than the network's own limit is faster. */
  readonly maxLength?: number
  /** What the model calls itself. Default `cross-encoder-` and 16 digits of what its scores depend on. */
  readonly modelVersion?: string
}

const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit))

/**
 * Opens a cross-encoder as published (ms-marco-MiniLM-L-6-v2 and its kin): a transformer that reads query and document in one row and
 * gives one logit. Throws `model-invalid` or `model-corrupt`.
 */
export async function openCrossEncoder(folder: string, options: CrossEncoderOptions = {}): Promise<Reranker> {
  const positions = await readPositions(folder)
  const tokeniser = await openPretrainedTokeniser(folder, Math.min(positions.maxLength, options.maxLength ?? Infinity))
  const path = await onnxFileOf(folder, 'model', options.precision)
  const graph = await openTextGraph(path, { ...options, paddingId: tokeniser.paddingId, choose: logitOutput })
  const scale = options.scale ?? 'logit'

  const rank = async (query: string, documents: readonly string[]): Promise<number[]> => {
    const rows = await graph.run(documents.map((document) => tokeniser.encodePair(query, document)))
    return rows.map((row) => {
      const [logit = NaN] = row
      if (row.length !== 1) {
        throw new AppError('model-invalid', `${path} gives ${row.length} numbers a pair; a reranker has one logit.`)
      }
      return scale === 'logit' ? logit : sigmoid(logit)
    })
  }

  try {
    await rank('a', ['a']) // a network with several classes is refused here, not in a search
    const tokeniserFile = sha256Hex(await readFile(join(folder, 'tokenizer.json')))
    const depends = [graph.digest, tokeniserFile, JSON.stringify([scale, tokeniser.maxLength, options.joinQuantised])]
    return {
      modelVersion: options.modelVersion ?? `cross-encoder-${sha256Hex(depends.join('\n')).slice(0, 16)}`,
      scale,
      rank,
      close: () => graph.close(),
    }
  } catch (error) {
    await graph.close()
    throw error
  }
}

const logitOutput = (outputs: readonly TensorFacts[]): TensorFacts | undefined =>
  outputs.find(({ name }) => name === 'logits') ?? outputs.find(({ shape }) => shape.length === 2)
