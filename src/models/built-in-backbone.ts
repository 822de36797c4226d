import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { builtInGraph } from './built-in-graph.ts'
import { BUILT_IN_SIDE } from './filter-arithmetic.ts'

/**
 * Writes the backbone for when there is none to be had: fixed filters for colours, places and shapes, as a model folder in the
 * hub layout. Good for drawings of simple things and of little use for photographs. The files are the same every time.
 */
export async function writeBuiltInBackbone(folder: string): Promise<void> {
  const { bytes, featureWidth } = builtInGraph()
  const config = {
    model_type: 'pairstream-built-in-filters',
    image_size: BUILT_IN_SIDE,
    num_channels: 3,
    hidden_size: featureWidth,
  }
  const preprocessor = {
    do_resize: true,
    size: { height: BUILT_IN_SIDE, width: BUILT_IN_SIDE },
    resample: 3,
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: false,
  }
  await mkdir(join(folder, 'onnx'), { recursive: true })
  await writeFile(join(folder, 'onnx', 'model.onnx'), bytes)
  await writeFile(join(folder, 'preprocessor_config.json'), `${JSON.stringify(preprocessor, null, 1)}\n`)
  await writeFile(join(folder, 'config.json'), `${JSON.stringify(config, null, 1)}\n`)
}
