import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createGraph } from '../../src/models/onnx/graph.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

const EDGE = 48
/** Of the feature map, which has 6 x 6 places. */
export const MAP_CHANNELS = 24

/** The folder of a network that was never trained and shows nothing but its last feature map. */
export async function mapBackbone(): Promise<string> {
  const folder = await temporaryFolder()
  const graph = createGraph('map')
  const pixels = graph.input('pixel_values', 'float32', ['batch', 3, EDGE, EDGE])
  const drawn = Float32Array.from({ length: MAP_CHANNELS * 3 * 16 }, (_, i) => Math.sin(i * 12.9898 + 1))
  const filters = graph.weight('filters', drawn, [MAP_CHANNELS, 3, 4, 4])
  const filtered = graph.node('Conv', [pixels, filters], { kernel_shape: [4, 4], strides: [4, 4] })
  const map = graph.node('MaxPool', [graph.node('Relu', [filtered])], { kernel_shape: [2, 2], strides: [2, 2] })
  graph.output('last_hidden_state', map, 'float32', ['batch', MAP_CHANNELS, 6, 6])
  await mkdir(join(folder, 'onnx'))
  await writeFile(join(folder, 'onnx', 'model.onnx'), graph.encode())
  await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify({ size: { height: EDGE, width: EDGE } }))
  return folder
}
