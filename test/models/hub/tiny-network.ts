import onnxProto from 'onnx-proto'
import { createGraph } from '../../../src/models/onnx/graph.ts'
import type { HubFiles } from './hub-server.ts'

const { ModelProto, TensorProto } = onnxProto.onnx
type ModelMessage = onnxProto.onnx.IModelProto

const EDGE = 32
const WIDTH = 600

/** A picture network of some hundred kilobytes: mean colours and a linear layer. */
export function tinyNetwork(seed = 1): Uint8Array {
  const graph = createGraph('tiny')
  const pixels = graph.input('pixels', 'float32', ['batch', 3, EDGE, EDGE])
  const flat = graph.node('Flatten', [graph.node('AveragePool', [pixels], { kernel_shape: [4, 4], strides: [4, 4] })])
  const values = Float32Array.from({ length: 192 * WIDTH }, (_, index) => Math.sin(seed * (index + 1)))
  const weights = graph.weight('weights', values, [192, WIDTH])
  graph.output('features', graph.node('MatMul', [flat, weights]), 'float32', ['batch', WIDTH])
  return graph.encode()
}

/** The same network with its weights in a file beside it. */
export function splitNetwork(location: string): { network: Uint8Array; weights: Uint8Array } {
  let weights: Uint8Array = new Uint8Array()
  const network = edited(tinyNetwork(), (model) => {
    const tensor = model.graph?.initializer?.find(({ name }) => name === 'weights')
    if (tensor == null) throw new Error('the network has no weights')
    weights = new Uint8Array(tensor.rawData ?? [])
    tensor.rawData = new Uint8Array()
    tensor.dataLocation = TensorProto.DataLocation.EXTERNAL
    tensor.externalData = [
      { key: 'location', value: location },
      { key: 'offset', value: '0' },
      { key: 'length', value: String(weights.length) },
    ]
  })
  return { network, weights }
}

/** An ONNX file as it is after `edit`. */
export function edited(file: Uint8Array, edit: (model: ModelMessage) => void): Uint8Array {
  const model = ModelProto.decode(file)
  edit(model)
  return ModelProto.encode(model).finish()
}

/** A megabyte that becomes two gigabytes while it is loaded: ONNX Runtime computes constants then. */
export function swellingNetwork(): Uint8Array {
  const graph = createGraph('swelling')
  const input = graph.input('input', 'float32', [1])
  let values = graph.weight('values', new Float32Array(256 * 1024), [256 * 1024])
  for (let doubling = 0; doubling < 11; doubling++) values = graph.node('Concat', [values, values], { axis: 0 })
  const total = graph.node('ReduceSum', [values], { keepdims: 0 })
  graph.output('total', graph.node('Add', [total, input]), 'float32', [1])
  return graph.encode()
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 1)}\n`

export const preprocessor = json({
  do_resize: true,
  size: { shortest_edge: EDGE },
  do_center_crop: true,
  crop_size: { height: EDGE, width: EDGE },
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
  resample: 2,
})

/** A repository as they are: what is wanted, and much that is not. */
export const tinyRepository = (): HubFiles => ({
  '.gitattributes': '*.onnx filter=lfs\n',
  'README.md': '# A model\n',
  LICENSE: 'Do as you like.\n',
  'config.json': json({ model_type: 'tiny', num_channels: 3 }),
  'preprocessor_config.json': preprocessor,
  'modeling_tiny.py': 'import os\n',
  'pytorch_model.bin': 'a pickle',
  'onnx/model.onnx': tinyNetwork(),
  'onnx/model_quantized.onnx': tinyNetwork(2),
  'onnx/model_O3.onnx': tinyNetwork(3),
})
