import { AppError } from '../core/errors.ts'
import { createMicroBatcher, type MicroBatcher } from '../models/micro-batcher.ts'
import type { Network } from '../models/network.ts'
import { openNetwork } from '../models/open-network.ts'
import type { PretrainedSessionOptions } from '../models/pretrained/pretrained-session.ts'
import { openSentenceEncoder } from '../models/pretrained/sentence-encoder.ts'
import type { Reranker } from '../ports/reranker.ts'
import {
  interactionPath,
  readRerankerConfiguration,
  sentencePath,
  type RerankerConfiguration,
} from './reranker-folder.ts'
import type { StatesSource } from './text-states.ts'

export type TrainedRerankerOptions = PretrainedSessionOptions & {
  /** Default `logit`; a probability is its sigmoid, for as many positives as the training had. */
  readonly scale?: Reranker['scale']
  /** What has read the texts that will be ranked; taken in place of the folder's encoder where it is the same one. */
  readonly known?: StatesSource | undefined
}

/** [ids, width] of two texts. */
type PairStates = { readonly query: Float32Array; readonly document: Float32Array }

const PAIRS_A_RUN = 32
/** How long the first pair waits for others, in milliseconds. */
const WAIT = 1

const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit))

/**
 * Opens a reranker that was trained here: a sentence encoder, which reads each text of a call once, and a network that compares the tokens
 * of two texts. Throws `model-invalid` or `model-corrupt`.
 */
export async function openTrainedReranker(folder: string, options: TrainedRerankerOptions = {}): Promise<Reranker> {
  const { scale = 'logit', known, ...networkOptions } = options
  const config = await readRerankerConfiguration(folder)
  const encoder: StatesSource =
    known?.id === config.encoder_id
      ? { ...known, close: async () => undefined } // whoever opened it closes it
      : await openSentenceEncoder(sentencePath(folder), networkOptions)
  try {
    if (encoder.width !== config.state_width) {
      throw new AppError(
        'model-invalid',
        `${sentencePath(folder)} has states of ${encoder.width} numbers, the reranker compares ${config.state_width}; export it again.`,
      )
    }
    const network = await openNetwork(interactionPath(folder), networkOptions)
    return createReranker(encoder, network, config, scale)
  } catch (error) {
    await encoder.close()
    throw error
  }
}

function createReranker(
  encoder: StatesSource,
  network: Network,
  config: RerankerConfiguration,
  scale: Reranker['scale'],
): Reranker {
  const lane = pairLane(network, config)
  const underway = new Set<Promise<unknown>>()
  let closed = false

  async function rank(query: string, documents: readonly string[]): Promise<number[]> {
    if (documents.length === 0) return []
    const texts = [...new Set([query, ...documents])]
    const states = await encoder.states(texts)
    const statesOf = new Map(texts.map((text, index) => [text, states[index]?.states ?? new Float32Array(0)]))
    const of = (text: string): Float32Array => statesOf.get(text) ?? new Float32Array(0)
    const pairs = documents.map((document): PairStates => ({ query: of(query), document: of(document) }))
    const logits = await lane.submit(pairs)
    return scale === 'logit' ? logits : logits.map(sigmoid)
  }

  return {
    modelVersion: config.model_version,
    scale,
    rank(query, documents) {
      if (closed) return Promise.reject(new AppError('model-not-found', 'The reranker is closed; open it again.'))
      const ranking = rank(query, documents)
      const settled: Promise<unknown> = ranking.catch(() => undefined).finally(() => underway.delete(settled))
      underway.add(settled)
      return ranking
    },
    async close() {
      closed = true
      await Promise.all(underway) // what was read is still to be compared
      await Promise.all([encoder.close(), lane.close()])
      await network.close()
    },
  }
}

/** Runs pairs through the network, those of calls at about the same time together. */
function pairLane(network: Network, config: RerankerConfiguration): MicroBatcher<PairStates, number> {
  const { max_tokens: tokens, state_width: width } = config
  const fill = (all: readonly Float32Array[]) => {
    const states = new Float32Array(all.length * tokens * width)
    const mask = new Float32Array(all.length * tokens)
    all.forEach((own, row) => {
      const kept = Math.min(own.length / width, tokens)
      states.set(own.subarray(0, kept * width), row * tokens * width)
      mask.fill(1, row * tokens, row * tokens + kept)
    })
    return {
      states: { data: states, shape: [all.length, tokens, width] },
      mask: { data: mask, shape: [all.length, tokens] },
    }
  }
  return createMicroBatcher<PairStates, number>({
    maxSize: PAIRS_A_RUN,
    maxAge: WAIT,
    async run(pairs) {
      const [queries, documents] = [fill(pairs.map(({ query }) => query)), fill(pairs.map(({ document }) => document))]
      const feeds = {
        query_states: queries.states,
        query_mask: queries.mask,
        document_states: documents.states,
        document_mask: documents.mask,
      }
      const { logits } = await network.run(feeds, ['logits'])
      if (logits.data.length !== pairs.length || !logits.data.every(Number.isFinite)) {
        throw new AppError('model-corrupt', 'The reranker gives something else than a number a pair; export it again.')
      }
      return [...logits.data]
    },
  })
}
