import { readFile } from 'node:fs/promises'
import { chooseOutputs } from './backbone-outputs.ts'
import type { Network } from './network.ts'
import { withFeatureMap } from './onnx/feature-map.ts'
import { openNetwork, type NetworkOptions } from './open-network.ts'

/**
 * Opens the picture network in a file, with its feature map among its outputs also where it only takes the mean of one. The digest is that of the
 * file as it is. Throws `model-invalid` or `model-corrupt`.
 */
export async function openShown(path: string, options: NetworkOptions): Promise<Network> {
  const network = await openNetwork(path, options)
  // What cannot be read so shows no map, which is told to whoever asks for it.
  const shown = await shownMap(network, path).catch(() => null)
  if (shown === null) return network
  await network.close()
  return { ...(await openNetwork(shown, options)), digest: network.digest }
}

/** The file with its feature map shown; null where it shows one, or has none to show. */
async function shownMap({ outputs }: Network, path: string): Promise<Uint8Array | null> {
  const { features, map } = chooseOutputs(outputs, path)
  return map === null ? withFeatureMap(await readFile(path), features.name) : null
}
