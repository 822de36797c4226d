import { createGraph, type GraphBuilder } from '../../../src/models/onnx/graph.ts'
import { normalise } from '../../../src/core/vector.ts'
import { sharedPath } from '../../fixtures/shared.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { writeFiles } from './tiny-text-model.ts'
import { bytePairs, writeTokeniser } from './tiny-tokenisers.ts'

const PREPROCESSING = { size: { shortest_edge: 4 }, do_center_crop: true, crop_size: 4, do_normalize: false }
/** Ids that it takes. */
export const TINY_CLIP_LENGTH = 12
const LENGTH = TINY_CLIP_LENGTH

type PictureTower = { readonly side?: number; readonly factor?: number; readonly type?: 'float32' | 'float16' }

/** The mean of each channel, by a factor. */
function addPictureTower(graph: GraphBuilder, { side = 4, factor = 1, type = 'float32' }: PictureTower = {}): void {
  const pixels = graph.input('pixel_values', type, ['images', 3, side, side])
  const mean = graph.node('ReduceMean', [graph.node('Cast', [pixels], { to: 1 }), graph.integers([2, 3])], { keepdims: 0 }) // prettier-ignore
  const scaled = graph.node('Mul', [mean, graph.initialiser(Float32Array.of(factor), [])])
  const half = type === 'float16' ? graph.node('Cast', [scaled], { to: 10 }) : scaled
  graph.output('image_embeds', half, type, ['images', 3])
}

export function pictureTower(about?: Parameters<typeof addPictureTower>[1]): Uint8Array {
  const graph = createGraph('vision')
  addPictureTower(graph, about)
  return graph.encode()
}

/** Dimension d of a text: the sum over its ids of the sine of (d + 1) times the id. */
function addTextTower(graph: GraphBuilder, { width = 3, factor = 1 } = {}): void {
  const ids = graph.input('input_ids', 'int64', ['texts', LENGTH])
  const mask = graph.input('attention_mask', 'int64', ['texts', LENGTH])
  const [numbers, weights] = [ids, mask].map((value) =>
    graph.node('Unsqueeze', [graph.node('Cast', [value], { to: 1 }), graph.integers([2])]),
  )
  const times = graph.initialiser(
    Float32Array.from({ length: width }, (_, d) => d + 1),
    [width],
  )
  const waves = graph.node('Sin', [graph.node('Mul', [numbers ?? ids, times])])
  const used = graph.node('Mul', [waves, graph.node('Mul', [weights ?? mask, graph.initialiser(Float32Array.of(factor), [])])]) // prettier-ignore
  const sum = graph.node('ReduceSum', [used, graph.integers([1])], { keepdims: 0 })
  graph.output('text_embeds', sum, 'float32', ['texts', width])
}

export function textTower(about?: Parameters<typeof addTextTower>[1]): Uint8Array {
  const graph = createGraph('text')
  addTextTower(graph, about)
  return graph.encode()
}

/** The unit embedding of a text by its ids. */
export const textOf = (ids: readonly number[]): Float32Array =>
  normalise(Float32Array.of(1, 2, 3).map((times) => ids.reduce((sum, id) => sum + Math.sin(times * id), 0)))

/** Both halves in one file. */
export function jointModel(): Uint8Array {
  const graph = createGraph('clip')
  addPictureTower(graph)
  addTextTower(graph)
  return graph.encode()
}

/** Writes a CLIP with embeddings of three numbers; other files in place of its own, or beside them, by `files`. Returns its folder. */
export async function writeTinyClip(files: Readonly<Record<string, object>> = {}): Promise<string> {
  const folder = await temporaryFolder()
  await writeTokeniser(folder, bytePairs, { model_max_length: LENGTH, pad_token: '<|endoftext|>' })
  await writeFiles(folder, {
    'config.json': { model_type: 'clip', text_config: { max_position_embeddings: LENGTH } },
    'preprocessor_config.json': PREPROCESSING,
    'onnx/vision_model.onnx': pictureTower(),
    'onnx/text_model.onnx': textTower(),
    ...files,
  })
  return folder
}

/** The published layout of a CLIP at its real tokeniser; where it is not at hand, the tiny one. */
export const sharedClip = async (): Promise<string> => sharedPath('models', 'clip-tiny-random') ?? writeTinyClip()
