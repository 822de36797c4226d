import onnxProto from 'onnx-proto'
import { describe, expect, it } from 'vitest'
import { openBackbone } from '../../../src/models/backbone.ts'
import { withFeatureMap } from '../../../src/models/onnx/feature-map.ts'
import { createGraph, type GraphBuilder } from '../../../src/models/onnx/graph.ts'
import { networkFolder } from '../network-folder.ts'

type Pooling = (graph: GraphBuilder, map: string) => string

/** A network of 4 x 4 pictures whose map is twice the picture, and is not shown. */
function pooledBy(pool: Pooling): Uint8Array {
  const graph = createGraph('pooled')
  const pixels = graph.input('pixels', 'float32', ['batch', 3, 4, 4])
  const map = graph.node('Mul', [pixels, graph.initialiser(Float32Array.of(2), [])])
  graph.output('features', pool(graph, map), 'float32', ['batch', 3])
  return graph.encode()
}

const globally: Pooling = (graph, map) => graph.node('Flatten', [graph.node('GlobalAveragePool', [map])])
const over =
  (...axes: number[]): Pooling =>
  (graph, map) =>
    graph.node('ReduceMean', [map, graph.integers(axes)], { keepdims: 0 })
const kept: Pooling = (graph, map) => {
  const mean = graph.node('ReduceMean', [map, graph.integers([3, 2])], { keepdims: 1 })
  return graph.node('Identity', [graph.node('Squeeze', [mean, graph.integers([2, 3])])])
}

describe('a feature map that a network takes the mean of', () => {
  it.each([
    ['GlobalAveragePool and Flatten', globally],
    ['ReduceMean', over(2, 3)],
    ['ReduceMean, from behind', over(-1, -2)],
    ['ReduceMean that keeps its axes, and Squeeze', kept],
  ])('is shown where it is asked for: %s', async (_, pool) => {
    const folder = await networkFolder(pooledBy(pool))
    const [plain, shown] = [await openBackbone(folder), await openBackbone(folder, { showMap: true })]
    const picture = Float32Array.from({ length: 48 }, (_, at) => at)
    expect(() => plain.withRegions(4)).toThrow(/shows no feature map/)
    const [row = new Float32Array()] = await shown.withRegions(4).run([picture])
    const places = Array.from({ length: 48 }, (_, at) => 2 * (16 * (at % 3) + Math.floor(at / 3)))
    expect([...row]).toEqual([15, 47, 79, ...places])
    // It is the same network, and its features are those that are kept already.
    expect(shown.id).toBe(plain.id)
    expect(await shown.run([picture])).toEqual(await plain.run([picture]))
    await Promise.all([plain.close(), shown.close()])
  })

  it('is found where the axes are an attribute, as older files have them', () => {
    const { ModelProto, AttributeProto } = onnxProto.onnx
    const model = ModelProto.decode(pooledBy(over(2, 3)))
    const mean = model.graph?.node?.find(({ opType }) => opType === 'ReduceMean')
    Object.assign(mean ?? {}, {
      input: mean?.input?.slice(0, 1),
      attribute: [{ name: 'axes', type: AttributeProto.AttributeType.INTS, ints: [-2, -1] }],
    })
    const shown = withFeatureMap(ModelProto.encode(model).finish(), 'features')
    expect(ModelProto.decode(shown ?? new Uint8Array()).graph?.output?.map(({ name }) => name)).toEqual([
      'features',
      'feature_map',
    ])
  })

  it.each<[string, Pooling]>([
    ['the largest of all places', (graph, map) => graph.node('Flatten', [graph.node('GlobalMaxPool', [map])])],
    [
      'the mean over other axes',
      (graph, map) => graph.node('ReduceMean', [map, graph.integers([1, 2])], { keepdims: 0 }),
    ],
    ['what is made of the mean', (graph, map) => graph.node('Relu', [globally(graph, map)])],
  ])('is not taken for one where the output is %s', (_, pool) => {
    expect(withFeatureMap(pooledBy(pool), 'features')).toBeNull()
  })
})
