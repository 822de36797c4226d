import { createGraph, type GraphBuilder } from '../onnx/graph.ts'
import type { StoredTensor } from '../safetensors.ts'
import { mobileNetV3Small, squeezedWidth, type Activation, type Block } from './architecture.ts'
import { namedWeights, type NamedWeights } from './weights.ts'

type Size = { readonly width: number; readonly height: number }
/** A value of the graph, [batch, width, height, width of the picture], and how many channels it has. */
type Maps = { readonly value: string; readonly width: number }
type Layer = { readonly name: string; readonly norm: string; readonly kernel: number; readonly stride: number }

/**
 * MobileNetV3-Small as an ONNX file for any batch of pictures of one size: `pixel_values` [batch, 3, height, width] to `features`
 * [batch, 1024] (pooled, widened, activated, as PyTorch image models give them without a classifier) and `feature_map` [batch, 576, height / 32,
 * width / 32]. Batch norm is within the convolutions. Throws `model-invalid` or `model-corrupt` where the weights are not its own.
 */
export function mobileNetV3Network(tensors: ReadonlyMap<string, StoredTensor>, picture: Size): Uint8Array {
  const graph = createGraph('mobilenetv3_small_100')
  const weights = namedWeights(tensors)
  const layers = createLayers(graph, weights)
  const { stemWidth, stages, mapWidth, featureWidth } = mobileNetV3Small

  const pixels = graph.input('pixel_values', 'float32', ['batch', 3, picture.height, picture.width])
  const stem = { name: 'conv_stem', norm: 'bn1', kernel: 3, stride: 2 }
  let maps = layers.dense({ value: pixels, width: 3 }, stem, stemWidth, 'hard-swish')
  for (const [stage, blocks] of stages.entries()) {
    for (const [index, block] of blocks.entries()) {
      const name = `blocks.${stage}.${index}`
      maps = stage === 0 ? separable(layers, name, maps, block) : invertedResidual(layers, name, maps, block)
    }
  }
  const last = `blocks.${stages.length}.0`
  maps = layers.dense(maps, pointwise(`${last}.conv`, `${last}.bn1`), mapWidth, 'hard-swish')

  const head = weights.biased('conv_head', [featureWidth, mapWidth, 1, 1])
  const pooled = graph.node('GlobalAveragePool', [maps.value])
  const widened = layers.activated(
    layers.convolve('conv_head', pooled, head, [featureWidth, mapWidth, 1, 1]),
    'hard-swish',
  )
  graph.output('features', graph.node('Flatten', [widened], { axis: 1 }), 'float32', ['batch', featureWidth])
  const [height, width] = [mapSide(picture.height), mapSide(picture.width)]
  graph.output('feature_map', maps.value, 'float32', ['batch', mapWidth, height, width])
  return graph.encode()
}

/** The first block widens nothing: a depthwise and a 1 x 1 convolution. */
function separable(layers: Layers, name: string, input: Maps, block: Block): Maps {
  const looked = layers.depthwise(input, { name: `${name}.conv_dw`, norm: `${name}.bn1`, ...block }, block.activation)
  const weighed = block.squeeze ? layers.squeeze(looked, `${name}.se`) : looked
  return layers.dense(weighed, pointwise(`${name}.conv_pw`, `${name}.bn2`), block.width, null)
}

function invertedResidual(layers: Layers, name: string, input: Maps, block: Block): Maps {
  const wide = layers.dense(input, pointwise(`${name}.conv_pw`, `${name}.bn1`), block.expansion, block.activation)
  const looked = layers.depthwise(wide, { name: `${name}.conv_dw`, norm: `${name}.bn2`, ...block }, block.activation)
  const weighed = block.squeeze ? layers.squeeze(looked, `${name}.se`) : looked
  const narrow = layers.dense(weighed, pointwise(`${name}.conv_pwl`, `${name}.bn3`), block.width, null)
  return block.stride === 1 && input.width === block.width ? layers.add(narrow, input) : narrow
}

const pointwise = (name: string, norm: string): Layer => ({ name, norm, kernel: 1, stride: 1 })

/** Five times halved, rounded up: each stride of two with its padding. */
const mapSide = (side: number): number => [1, 2, 3, 4, 5].reduce((length) => Math.ceil(length / 2), side)

type Layers = ReturnType<typeof createLayers>

function createLayers(graph: GraphBuilder, weights: NamedWeights) {
  const activated = (value: string, activation: Activation | null): string =>
    activation === null ? value : graph.node(activation === 'relu' ? 'Relu' : 'HardSwish', [value])

  const convolve = (
    name: string,
    value: string,
    { kernel, bias }: ReturnType<NamedWeights['biased']>,
    shape: readonly [number, number, number, number],
    { stride = 1, groups = 1 } = {},
  ): string => {
    const [channels, , height, width] = shape
    const [vertical, horizontal] = [(height - 1) / 2, (width - 1) / 2]
    const parts = [graph.weight(`${name}.weight`, kernel, shape), graph.weight(`${name}.bias`, bias, [channels])]
    return graph.node('Conv', [value, ...parts], {
      kernel_shape: [height, width],
      pads: [vertical, horizontal, vertical, horizontal],
      strides: [stride, stride],
      group: groups,
    })
  }

  return {
    activated,
    convolve,
    /** A convolution over all channels. */
    dense(
      { value, width: from }: Maps,
      { name, norm, kernel, stride }: Layer,
      width: number,
      then: Activation | null,
    ): Maps {
      const shape = [width, from, kernel, kernel] as const
      return {
        width,
        value: activated(convolve(name, value, weights.normed(name, norm, shape), shape, { stride }), then),
      }
    },
    /** A convolution for each channel by itself. */
    depthwise({ value, width }: Maps, { name, norm, kernel, stride }: Layer, then: Activation): Maps {
      const shape = [width, 1, kernel, kernel] as const
      const folded = weights.normed(name, norm, shape)
      return { width, value: activated(convolve(name, value, folded, shape, { stride, groups: width }), then) }
    },
    /** Squeeze and excitation: each channel times what two small layers make of the means of all channels. */
    squeeze({ value, width }: Maps, name: string): Maps {
      const inner = squeezedWidth(width)
      const [reduce, expand] = [`${name}.conv_reduce`, `${name}.conv_expand`]
      const means = graph.node('GlobalAveragePool', [value])
      const narrow = convolve(reduce, means, weights.biased(reduce, [inner, width, 1, 1]), [inner, width, 1, 1])
      const kernel = weights.biased(expand, [width, inner, 1, 1])
      const wide = convolve(expand, graph.node('Relu', [narrow]), kernel, [width, inner, 1, 1])
      const gate = graph.node('HardSigmoid', [wide], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } })
      return { width, value: graph.node('Mul', [value, gate]) }
    },
    add: (a: Maps, b: Maps): Maps => ({ width: a.width, value: graph.node('Add', [a.value, b.value]) }),
  }
}
