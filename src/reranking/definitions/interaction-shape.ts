import type { Shapes } from '../../training/definitions/shape.ts'
import type { Signature } from '../../training/lowering/trace.ts'

/** The sizes of a model that compares the tokens of a query with those of a document. */
export type InteractionShape = {
  /** The width of the frozen states. */
  readonly stateWidth: number
  /** Ids of a query, and of a document, at most; shorter ones are padded. */
  readonly maxTokens: number
  /** The rank of what is learned to be added to states before they are compared. */
  readonly projectionWidth: number
  readonly hiddenWidth: number
}

/** Where the kernels stand, and how wide they are: "End-to-End Neural Ad-hoc Ranking with Kernel Pooling", 2017, section 4.3. */
export const KERNEL_CENTRES = [1, 0.9, 0.7, 0.5, 0.3, 0.1, -0.1, -0.3, -0.5, -0.7, -0.9] as const
/** States depend on what stands around them, so even equal words are seldom wholly equal: the first kernel is narrow, not exact. */
export const KERNEL_WIDTHS = KERNEL_CENTRES.map((_, kernel) => (kernel === 0 ? 0.05 : 0.1))

/** Of a pair: the kernels from the query's side and from the document's, and two similarities of the pooled sentences. */
const FEATURES = 2 * KERNEL_CENTRES.length + 2

/** All trained arrays. */
export const interactionShapes = ({ stateWidth, projectionWidth, hiddenWidth }: InteractionShape): Shapes => ({
  token_down_weight: [stateWidth, projectionWidth],
  token_up_weight: [projectionWidth, stateWidth],
  salience_weight: [stateWidth, 1],
  salience_bias: [1],
  sentence_weight: [stateWidth, stateWidth],
  hidden_weight: [FEATURES, hiddenWidth],
  hidden_bias: [hiddenWidth],
  direct_weight: [FEATURES, 1],
  output_weight: [hiddenWidth, 1],
  output_bias: [1],
})

/** The states of a batch of pairs, and 1 where there is one. */
export const pairShapes = ({ stateWidth, maxTokens }: InteractionShape, batch: number): Shapes => ({
  query_states: [batch, maxTokens, stateWidth],
  query_mask: [batch, maxTokens],
  document_states: [batch, maxTokens, stateWidth],
  document_mask: [batch, maxTokens],
})

export const signatureOf = (shapes: Shapes): Signature =>
  Object.fromEntries(Object.entries(shapes).map(([name, sizes]) => [name, { shape: sizes }]))
