import type { Random } from '../core/random.ts'
import type { TensorInput } from '../models/onnx-session.ts'
import { product } from '../training/lowering/view.ts'
import { pairShapes, type InteractionShape } from './definitions/interaction-shape.ts'
import type { TokenStatesFile } from './token-states-file.ts'

/** Pairs as numbers of texts in a file of token states, with 1 where the document answers the query. */
export type PairExamples = {
  readonly queries: Uint32Array
  readonly documents: Uint32Array
  readonly targets: Float32Array
}

type Inputs = Readonly<Record<string, TensorInput & { readonly data: Float32Array }>>

/** A batch of pairs, filled anew for each: arrays that ONNX Runtime reads in place. */
export type PairBatch = {
  /** The states of the pairs, as `pairShapes` has them. */
  readonly inputs: Inputs
  readonly targets: Inputs[string]
  /** Fills in these examples; rows beyond them stay as they were. With a dropout some tokens are hidden. */
  fill(examples: Uint32Array, dropout?: TokenDropout): void
}

/** Hides tokens at random, a share of `rate` of them, so that no single one is relied upon. */
export type TokenDropout = { readonly rate: number; readonly random: Random }

export function createPairBatch(
  shape: InteractionShape,
  states: TokenStatesFile,
  examples: PairExamples,
  batchSize: number,
): PairBatch {
  const empty = (sizes: readonly number[]) => ({ data: new Float32Array(product(sizes)), shape: sizes })
  const inputs = Object.fromEntries(Object.entries(pairShapes(shape, batchSize)).map(([name, sizes]) => [name, empty(sizes)])) // prettier-ignore
  const targets = empty([batchSize])
  const of = (name: string): Float32Array => inputs[name]?.data ?? new Float32Array(0)
  const [queryStates, queryMask] = [of('query_states'), of('query_mask')]
  const [documentStates, documentMask] = [of('document_states'), of('document_mask')]
  const dropTokens = (mask: Float32Array, row: number, { rate, random }: TokenDropout): void => {
    for (let at = row * shape.maxTokens; at < (row + 1) * shape.maxTokens; at++) if (random.float() < rate) mask[at] = 0
  }
  return {
    inputs,
    targets,
    fill(batch, dropout) {
      for (const [row, example] of batch.entries()) {
        states.read(examples.queries[example] ?? 0, queryStates, queryMask, row)
        states.read(examples.documents[example] ?? 0, documentStates, documentMask, row)
        if (dropout !== undefined) {
          dropTokens(queryMask, row, dropout)
          dropTokens(documentMask, row, dropout)
        }
        targets.data[row] = examples.targets[example] ?? 0
      }
    },
  }
}
