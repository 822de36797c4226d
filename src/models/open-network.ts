import { openNetworkHere, type Network } from './network.ts'
import { openNetworkThread } from './network-thread.ts'
import type { SessionOptions } from './onnx-session.ts'

export type NetworkOptions = SessionOptions & {
  /** Whether it runs on a thread of its own, which leaves the calling one free meanwhile (see `openNetworkThread`). Default false. */
  readonly onThread?: boolean
}

/** Opens an ONNX file, or the bytes of one. Throws `model-invalid` where there is none, `model-corrupt` where it cannot be loaded. */
export const openNetwork = (
  source: string | Uint8Array,
  { onThread = false, ...options }: NetworkOptions = {},
): Promise<Network> => (onThread ? openNetworkThread(source, options) : openNetworkHere(source, options))
