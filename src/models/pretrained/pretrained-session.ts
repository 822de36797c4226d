import { readFile } from 'node:fs/promises'
import { sha256Hex } from '../../core/ids.ts'
import { openOnnxSession, type OnnxSession, type SessionOptions } from '../onnx-session.ts'

export type PretrainedSessionOptions = SessionOptions & {
  /**
   * Whether a network that chooses its 8-bit scales as it runs is given several inputs at a time. It is then faster by half, and what it
   * gives for one depends on the others: of MiniLM's vectors by a cosine of 0.99. Default false.
   */
  readonly joinQuantised?: boolean
}

export type PretrainedSession = OnnxSession & {
  /** The SHA-256 of the file. */
  readonly digest: string
  /** Whether a row of a batch comes out as it would alone. */
  readonly batches: boolean
}

/** The operator that takes a scale from the largest value of a whole tensor, which is that of a whole batch. */
const SCALES_AS_IT_RUNS = 'DynamicQuantizeLinear'

/**
 * Opens a published network, or the bytes of one. Throws `model-invalid` where there is none, `model-corrupt` where it cannot be loaded.
 */
export async function openPretrainedSession(
  source: string | Uint8Array,
  { joinQuantised = false, ...options }: PretrainedSessionOptions = {},
): Promise<PretrainedSession> {
  const session = await openOnnxSession(source, options)
  const file = Buffer.from(typeof source === 'string' ? await readFile(source) : source)
  return { ...session, digest: sha256Hex(file), batches: joinQuantised || !file.includes(SCALES_AS_IT_RUNS) }
}
