import type { Network } from '../network.ts'
import { openNetwork, type NetworkOptions } from '../open-network.ts'

export type PretrainedSessionOptions = NetworkOptions & {
  /**
   * Whether a network that chooses its 8-bit scales as it runs is given several inputs at a time. It is then faster by half, and what it
   * gives for one depends on the others: of MiniLM's vectors by a cosine of 0.99. Default false.
   */
  readonly joinQuantised?: boolean
}

export type PretrainedSession = Network & {
  /** Whether a row of a batch comes out as it would alone. */
  readonly batches: boolean
}

/**
 * Opens a published network, or the bytes of one. Throws `model-invalid` where there is none, `model-corrupt` where it cannot be loaded.
 */
export async function openPretrainedSession(
  source: string | Uint8Array,
  { joinQuantised = false, ...options }: PretrainedSessionOptions = {},
): Promise<PretrainedSession> {
  const network = await openNetwork(source, options)
  return { ...network, batches: joinQuantised || !network.scalesAsItRuns }
}
