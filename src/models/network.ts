import { readFile } from 'node:fs/promises'
import { sha256Hex } from '../core/ids.ts'
import { openOnnxSession, type OnnxSession, type SessionOptions } from './onnx-session.ts'

/** A network that was made elsewhere, and what has to be known of its file. */
export type Network = OnnxSession & NetworkFacts

export type NetworkFacts = Pick<OnnxSession, 'inputs' | 'outputs'> & {
  /** The SHA-256 of the file. */
  readonly digest: string
  /** Whether it chooses its 8-bit scales from the largest value of a whole tensor, which is that of a whole batch. */
  readonly scalesAsItRuns: boolean
}

/** The operator that does. */
const CHOOSES_SCALES = 'DynamicQuantizeLinear'

/**
 * Opens an ONNX file, or the bytes of one, on the calling thread. Throws `model-invalid` where there is none, `model-corrupt` where it
 * cannot be loaded.
 */
export async function openNetworkHere(source: string | Uint8Array, options: SessionOptions = {}): Promise<Network> {
  const session = await openOnnxSession(source, options)
  const { buffer, byteOffset, byteLength } = typeof source === 'string' ? await readFile(source) : source
  const file = Buffer.from(buffer, byteOffset, byteLength)
  return { ...session, digest: sha256Hex(file), scalesAsItRuns: file.includes(CHOOSES_SCALES) }
}
