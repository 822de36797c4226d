import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { openBackbone } from '../../src/models/backbone.ts'
import { writeBuiltInBackbone } from '../../src/models/built-in-backbone.ts'
import { decodePixels } from '../../src/models/decode-image.ts'
import { computeFeatures } from '../../src/models/image-features.ts'
import { createGraph, type GraphBuilder } from '../../src/models/onnx/graph.ts'
import { openOnnxSession } from '../../src/models/onnx-session.ts'
import { photographs } from '../fixtures/photographs.ts'
import { sharedPath } from '../fixtures/shared.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { networkFolder } from './network-folder.ts'

/** Features as another library gives them, of photographs that are given with them. */
type Expected = {
  readonly images: readonly string[]
  readonly features_first_8: readonly (readonly number[])[]
  readonly features_l2_norm: readonly number[]
}

type Batch = number | 'batch'

function meanGraph(batch: Batch, divisor = 1, side = 4): Uint8Array {
  const graph = createGraph('mean')
  const pixels = graph.input('pixel_values', 'float32', [batch, 3, side, side])
  const mean = graph.node('ReduceMean', [pixels, graph.integers([2, 3])], { keepdims: 0 })
  const quotient = graph.node('Div', [mean, graph.initialiser(Float32Array.of(divisor), [])])
  graph.output('feature_map', graph.node('Identity', [pixels]), 'float32', [batch, 3, side, side])
  graph.output('pooler_output', quotient, 'float32', [batch, 3])
  return graph.encode()
}

/**
 * A MobileNet with the features that PyTorch gives for three photographs; where it is not at hand, a network that takes the mean of
 * each channel, with the means that sharp gives.
 */
async function referenceNetwork(): Promise<{ folder: string; pictures: Buffer[]; expected: Expected }> {
  const [folder, images] = [sharedPath('models', 'mobilenet-v2-1.0-224'), sharedPath('flickr8k', 'Images')]
  if (folder !== null && images !== null) {
    const expected = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as Expected
    const pictures = await Promise.all(expected.images.map((name) => readFile(join(images, name))))
    return { folder, pictures, expected }
  }
  const side = 224
  const made = await networkFolder(meanGraph('batch', 1, side))
  const preprocessing = { size: { height: side, width: side }, do_rescale: true, do_normalize: false }
  await writeFile(join(made, 'preprocessor_config.json'), JSON.stringify(preprocessing))
  const pictures = await photographs(3)
  const means = await Promise.all(
    pictures.map(async (picture) => (await sharp(picture).stats()).channels.map(({ mean }) => mean / 255)),
  )
  const norms = means.map((values) => Math.hypot(...values))
  return { folder: made, pictures, expected: { images: [], features_first_8: means, features_l2_norm: norms } }
}

describe('backbone', () => {
  it('gives the numbers that the reference libraries give', async () => {
    const { folder, pictures, expected } = await referenceNetwork()
    const backbone = await openBackbone(folder)
    const pixels = await Promise.all(
      pictures.map((picture) => decodePixels(picture, backbone.preprocessing, ['plain'])),
    )
    const features = await backbone.run(pixels.flat())
    expect(features).toHaveLength(expected.features_first_8.length)
    for (const [image, values] of features.entries()) {
      for (const [index, value] of (expected.features_first_8[image] ?? []).entries()) {
        expect(values[index]).toBeCloseTo(value, 3)
      }
      expect(Math.hypot(...values) / (expected.features_l2_norm[image] ?? 0)).toBeCloseTo(1, 4)
    }
    await backbone.close()
  })

  it('shows regions of a network as it is published, whose mean is what it pools itself', async () => {
    const { folder, pictures } = await referenceNetwork()
    const network = await openBackbone(folder)
    const backbone = network.withRegions(1)
    const pixels = await Promise.all(
      pictures.map((picture) => decodePixels(picture, backbone.preprocessing, ['plain'])),
    )
    for (const row of await backbone.run(pixels.flat())) {
      expect(row).toHaveLength(2 * network.featureWidth)
      for (let i = 0; i < network.featureWidth; i++) expect(row[network.featureWidth + i]).toBeCloseTo(row[i] ?? 0, 4)
    }
    await network.close()
  })

  it('finds its input and its pooled output under other names', async () => {
    const backbone = await openBackbone(await networkFolder(meanGraph('batch')))
    const [first, second] = await backbone.run([new Float32Array(48).fill(0.5), new Float32Array(48).fill(-1)])
    expect([first, second]).toEqual([Float32Array.of(0.5, 0.5, 0.5), Float32Array.of(-1, -1, -1)])
    await backbone.close()
  })

  it('runs one at a time where the batch is fixed', async () => {
    const backbone = await openBackbone(await networkFolder(meanGraph(1)))
    expect(await backbone.run([new Float32Array(48).fill(1), new Float32Array(48).fill(2)])).toEqual([
      Float32Array.of(1, 1, 1),
      Float32Array.of(2, 2, 2),
    ])
    expect(await backbone.run([])).toEqual([])
    await backbone.close()
  })

  it('has an id that changes with the network or the preprocessing, and with nothing else', async () => {
    const folder = await temporaryFolder()
    const [original, copy, changed] = [join(folder, 'a'), join(folder, 'b'), join(folder, 'c')] as const
    await writeBuiltInBackbone(original)
    await cp(original, copy, { recursive: true })
    await cp(original, changed, { recursive: true })
    const preprocessing = JSON.parse(await readFile(join(original, 'preprocessor_config.json'), 'utf8')) as object
    await writeFile(join(copy, 'preprocessor_config.json'), JSON.stringify({ ...preprocessing, note: 'the same' }))
    await writeFile(join(changed, 'preprocessor_config.json'), JSON.stringify({ ...preprocessing, resample: 2 }))
    const ids = await Promise.all(
      [original, copy, changed].map(async (path) => {
        const backbone = await openBackbone(path)
        await backbone.close()
        return backbone.id
      }),
    )
    expect(ids[0]).toMatch(/^[0-9a-f]{16}$/)
    expect(ids[1]).toBe(ids[0])
    expect(ids[2]).not.toBe(ids[0])
  })

  it('refuses features that are not numbers', async () => {
    const backbone = await openBackbone(await networkFolder(meanGraph('batch', 0)))
    await expect(backbone.run([new Float32Array(48).fill(1)])).rejects.toMatchObject({ code: 'model-corrupt' })
    await backbone.close()
  })

  it('refuses a network that does not fit its preprocessing', async () => {
    const folder = await networkFolder(meanGraph('batch', 1, 8))
    await expect(openBackbone(folder)).rejects.toMatchObject({ code: 'model-invalid' })
  })

  it('refuses a folder without a network, and a network that is damaged', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify({ size: 4 }))
    await expect(openBackbone(folder)).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringContaining('model.onnx is missing') as string,
    })
    const sound = await temporaryFolder()
    await writeBuiltInBackbone(sound)
    const whole = await readFile(join(sound, 'onnx', 'model.onnx'))
    const damaged = await networkFolder(whole.subarray(0, whole.length / 2))
    await expect(openBackbone(damaged)).rejects.toMatchObject({ code: 'model-corrupt' })
  })
})

/** What a graph of one's own making shows of 4 x 4 pictures: each output by its name, built from the pixels. */
function graphWith(
  outputs: Readonly<Record<string, (graph: GraphBuilder, pixels: string) => Shown>>,
  input = 'pixels',
) {
  const graph = createGraph('outputs')
  const pixels = graph.input(input, 'float32', ['batch', 3, 4, 4])
  for (const [name, build] of Object.entries(outputs)) {
    const { value, shape } = build(graph, pixels)
    graph.output(name, value, 'float32', shape)
  }
  return graph.encode()
}
type Shown = { readonly value: string; readonly shape: readonly (string | number)[] }

/** The picture itself: a feature map of three channels and 16 places. */
const asItIs = (graph: GraphBuilder, pixels: string): Shown => ({
  value: graph.node('Identity', [pixels]),
  shape: ['batch', 3, 4, 4],
})
/** The same with sizes that the file does not tell. */
const asItIsOpen = (graph: GraphBuilder, pixels: string): Shown => ({
  value: graph.node('Reshape', [pixels, graph.node('Shape', [pixels])]),
  shape: ['batch', 'channels', 'height', 'width'],
})
/** Tokens of width 3: `leading` of them that say 100, 200, ..., then the places of the picture. */
const tokens =
  (leading: number, length: string | number) =>
  (graph: GraphBuilder, pixels: string): Shown => {
    const flat = graph.node('Reshape', [pixels, graph.integers([0, 3, 16])])
    const places = graph.node('Transpose', [flat], { perm: [0, 2, 1] })
    const numbers = Float32Array.from({ length: leading * 3 }, (_, at) => 100 * (Math.floor(at / 3) + 1))
    const batch = graph.node('Slice', [graph.node('Shape', [pixels]), graph.integers([0]), graph.integers([1])])
    const shape = graph.node('Concat', [batch, graph.integers([leading, 3])], { axis: 0 })
    const first = graph.node('Expand', [graph.initialiser(numbers, [1, leading, 3]), shape])
    const value = leading === 0 ? places : graph.node('Concat', [first, places], { axis: 1 })
    return { value, shape: ['batch', length, 3] }
  }
/** Each channel's mean times `factor`. */
const vector =
  (factor: number) =>
  (graph: GraphBuilder, pixels: string): Shown => {
    const mean = graph.node('ReduceMean', [pixels, graph.integers([2, 3])], { keepdims: 0 })
    return { value: graph.node('Mul', [mean, graph.initialiser(Float32Array.of(factor), [])]), shape: ['batch', 3] }
  }
const keptAxes = (graph: GraphBuilder, pixels: string): Shown => ({
  value: graph.node('GlobalAveragePool', [pixels]),
  shape: ['batch', 3, 1, 1],
})

/** Channel c at place p is 16 c + p, so the means are 7.5, 23.5 and 39.5; the second picture has their negatives. */
const picture = Float32Array.from({ length: 48 }, (_, at) => at)
const pictures = () => [picture.slice(), picture.map((value) => -value)]
const means = [Float32Array.of(7.5, 23.5, 39.5), Float32Array.of(-7.5, -23.5, -39.5)]

describe('what features are read from', () => {
  const nothing = {}
  it.each([
    ['what is called features', { pooler_output: vector(2), features: vector(1), map: asItIs }, nothing, 1],
    ['what the network pools itself', { map: asItIs, other: vector(3), pooler_output: vector(2) }, nothing, 2],
    ['any vector', { map: asItIs, other: vector(3) }, nothing, 3],
    ['a vector that keeps its axes', { last_hidden_state: asItIs, pooler_output: keptAxes }, nothing, 1],
    ['the mean of a feature map', { anything: asItIs }, nothing, 1],
    ['a feature map rather than scores of classes', { logits: vector(5), last_hidden_state: asItIs }, nothing, 1],
    ['scores of classes where there is nothing else', { logits: vector(5) }, nothing, 5],
    ['a feature map of sizes that only a run tells', { map: asItIsOpen }, nothing, 1],
    ['the mean of tokens that are all patches', { last_hidden_state: tokens(0, 16) }, nothing, 1],
    ['the mean, where it is said', { last_hidden_state: tokens(1, 17) }, { use_mean_pooling: true }, 1],
    ['the mean, said as others do', { tokens: tokens(3, 'places') }, { global_pool: 'avg', patch_size: 1 }, 1],
    ['the mean, said of the picture network', { tokens: tokens(1, 17) }, { vision_config: { global_pool: 'avg' } }, 1],
  ])('is %s', async (_, outputs, config, factor) => {
    const folder = await networkFolder(graphWith(outputs))
    await writeFile(join(folder, 'config.json'), JSON.stringify(config))
    const backbone = await openBackbone(folder)
    expect(backbone.featureWidth).toBe(3)
    expect(await backbone.run(pictures())).toEqual(means.map((mean) => mean.map((value) => value * factor)))
    await backbone.close()
  })

  it.each([
    ['is said to lead', 1, { patch_size: 1, use_mean_pooling: false }],
    ['is told from the number of tokens', 1, {}],
    ['has registers behind it', 5, { patch_size: [1, 1] }],
    ['is in a file that says nonsense of patches', 2, { patch_size: 'small', global_pool: 'token' }],
  ])('is the class token, which %s', async (_, leading, config) => {
    const folder = await networkFolder(graphWith({ last_hidden_state: tokens(leading, 'tokens') }))
    await writeFile(join(folder, 'config.json'), JSON.stringify(config))
    const backbone = await openBackbone(folder)
    expect(await backbone.run(pictures())).toEqual([1, 2].map(() => Float32Array.of(100, 100, 100)))
    await backbone.close()
  })

  it('ends with the regions of a grid or of tokens, row by row, where they are asked for', async () => {
    const places = Float32Array.from({ length: 48 }, (_, at) => 16 * (at % 3) + Math.floor(at / 3))
    const grid = await openBackbone(await networkFolder(graphWith({ features: vector(1), feature_map: asItIs })))
    expect(grid.regions).toBeNull()
    // A grid of 4 x 4 has no more regions.
    for (const side of [4, 7]) {
      const seen = grid.withRegions(side)
      expect(seen).toMatchObject({ featureWidth: 3 + 48, regions: { rows: 4, columns: 4, width: 3 } })
      const [first = [], second = []] = await seen.run(pictures())
      expect([...first]).toEqual([...(means[0] ?? []), ...places])
      expect([...second]).toEqual([...(means[1] ?? []), ...places.map((value) => 0 - value)])
    }
    expect(await grid.run(pictures())).toEqual(means)
    const tokenised = graphWith({ pooler_output: vector(1), tokens: tokens(1, 'n') })
    const row = await openBackbone(await networkFolder(tokenised))
    const seen = row.withRegions(2)
    expect(seen).toMatchObject({ featureWidth: 3 + 12, regions: { rows: 2, columns: 2, width: 3 } })
    // Each is the mean of 2 x 2 places of 4 x 4; the class token is none of them.
    const corners = [2.5, 4.5, 10.5, 12.5].flatMap((place) => [place, place + 16, place + 32])
    expect([...((await seen.run([picture]))[0] ?? [])]).toEqual([...(means[0] ?? []), ...corners])
    await Promise.all([grid.close(), row.close()])
  })

  it('has the regions of mirrored views where they are in the picture', async () => {
    const network = await openBackbone(await networkFolder(graphWith({ features: vector(1), feature_map: asItIs })))
    const data = Buffer.from(Array.from({ length: 48 }, (_, i) => (i * 37) % 256))
    const raw = { width: 4, height: 4, channels: 3 } as const
    const bytes = await sharp(data, { raw }).png().toBuffer()
    const image = { imageId: null, bytes: async () => bytes }
    for (const side of [2, 3, 4]) {
      const [[plain = new Float32Array(), flipped] = []] = await computeFeatures([image], network.withRegions(side), [
        'plain',
        'flipped',
      ])
      expect(new Set(plain).size).toBeGreaterThan(side ** 2)
      // The map of this network is the picture, so both views show the same there.
      for (const [i, value] of plain.entries()) expect(flipped?.[i]).toBeCloseTo(value, 5)
    }
    await network.close()
  })

  it('is another backbone with other regions, and the same in a model as by itself', async () => {
    const outputs = { features: vector(1), feature_map: asItIs }
    const [one, other] = [await openBackbone(await networkFolder(graphWith(outputs))), await openBackbone(await networkFolder(graphWith(outputs)))] // prettier-ignore
    const ids = [one, one.withRegions(2), one.withRegions(3), one.withRegions(4)].map(({ id }) => id)
    expect(new Set(ids).size).toBe(4)
    expect(other.withRegions(3).id).toBe(ids[2])
    expect(one.withRegions(4).id).toBe(one.withRegions(9).id)
    await Promise.all([one.close(), other.close()])
  })

  it('has no regions where the network shows no feature map, or no grid of patches', async () => {
    const pooled = await openBackbone(await networkFolder(graphWith({ features: vector(1), pooled: keptAxes })))
    expect(() => pooled.withRegions(3)).toThrow(expect.objectContaining({ code: 'model-invalid', message: expect.stringContaining('export it with its last one') as string })) // prettier-ignore
    // 119 tokens: more than a class token and registers are left over from a square.
    const odd = await openBackbone(await networkFolder(graphWith({ features: vector(1), tokens: tokens(103, 'n') })))
    expect(() => odd.withRegions(3)).toThrow(expect.objectContaining({ code: 'model-invalid', message: expect.stringContaining('patch_size') as string })) // prettier-ignore
    await Promise.all([pooled.close(), odd.close()])
  })

  it('is another backbone under another choice of tokens, within a model as by itself', async () => {
    const idWith = async (name: string, config: object) => {
      const folder = await networkFolder(graphWith({ last_hidden_state: tokens(1, 17) }))
      await writeFile(join(folder, 'config.json'), JSON.stringify({ model_type: 'of the model' }))
      await writeFile(join(folder, name), JSON.stringify(config))
      const backbone = await openBackbone(folder)
      await backbone.close()
      return backbone.id
    }
    const mean = await idWith('config.json', { use_mean_pooling: true })
    expect(await idWith('backbone_config.json', { use_mean_pooling: true })).toBe(mean)
    expect(await idWith('config.json', {})).not.toBe(mean)
  })

  it('refuses a network without an output that it knows, with two inputs, or in two files', async () => {
    const refused = (reason: string) => ({ code: 'model-invalid', message: expect.stringContaining(reason) as string })
    const flat = graphWith({
      flat: (graph, pixels) => ({ value: graph.node('Reshape', [pixels, graph.integers([-1])]), shape: ['all'] }),
    })
    await expect(openBackbone(await networkFolder(flat))).rejects.toMatchObject(refused('flat: float32 [all]'))
    const two = createGraph('two')
    const [a, b] = ['pixel_values', 'mask'].map((name) => two.input(name, 'float32', ['batch', 3, 4, 4]))
    two.output('sum', two.node('Add', [a ?? '', b ?? '']), 'float32', ['batch', 3, 4, 4])
    await expect(openBackbone(await networkFolder(two.encode()))).rejects.toMatchObject(refused('mask: float32'))
    const parted = await networkFolder(graphWith({ features: vector(1) }))
    await writeFile(join(parted, 'onnx', 'model.onnx_data'), 'weights')
    await expect(openBackbone(parted)).rejects.toMatchObject(refused('one file'))
  })

  it('refuses what cannot be run on a picture', async () => {
    const longer = (graph: GraphBuilder, pixels: string) =>
      graph.node('Add', [graph.node('Shape', [pixels]), graph.integers([0, 0, 0, 1])])
    const broken = graphWith({
      map: (graph, pixels) => ({
        value: graph.node('Reshape', [pixels, longer(graph, pixels)]),
        shape: ['batch', 'channels', 'height', 'width'],
      }),
    })
    await expect(openBackbone(await networkFolder(broken))).rejects.toMatchObject({ code: 'model-invalid' })
  })
})

describe('ONNX session', () => {
  it('says what its inputs and outputs are, and refuses what does not fit', async () => {
    const session = await openOnnxSession(meanGraph('batch'))
    expect(session.inputs).toEqual([{ name: 'pixel_values', type: 'float32', shape: ['batch', 3, 4, 4] }])
    expect(session.outputs.map(({ name }) => name)).toEqual(['feature_map', 'pooler_output'])
    const feeds = { pixel_values: { data: new Float32Array(3), shape: [1, 3, 1, 1] } }
    // The program may be at fault, or memory be short: no verdict on the model, nor on the picture.
    await expect(session.run(feeds, ['pooler_output'])).rejects.toMatchObject({ code: 'internal' })
    await session.close()
  })

  it('lets runs finish before it closes, and refuses more', async () => {
    const session = await openOnnxSession(meanGraph('batch'))
    const feeds = { pixel_values: { data: new Float32Array(48).fill(3), shape: [1, 3, 4, 4] } }
    const running = session.run(feeds, ['pooler_output'])
    await session.close()
    expect([...(await running).pooler_output.data]).toEqual([3, 3, 3])
    await expect(session.run(feeds, ['pooler_output'])).rejects.toMatchObject({ code: 'model-not-found' })
  })

  it('refuses bytes that are no model', async () => {
    await expect(openOnnxSession(Buffer.from('not a model'))).rejects.toMatchObject({ code: 'model-corrupt' })
  })
})
