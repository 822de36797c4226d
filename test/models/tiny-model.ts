import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeBuiltInBackbone } from '../../src/models/built-in-backbone.ts'
import { createGraph } from '../../src/models/onnx/graph.ts'
import { buildTokeniser, countWords } from '../../src/models/tokeniser.ts'
import { openBackbone } from '../../src/models/backbone.ts'

const EMBEDDING = 8
export const TINY_CAPTIONS = ['a red circle', 'two blue squares', 'a red square']

/** Weights that are the same every time, between -1 and 1. */
const weights = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(i * 12.9898 + 1))

function imageHead(featureWidth: number): Uint8Array {
  const graph = createGraph('image_head')
  const features = graph.input('features', 'float32', ['batch', featureWidth])
  const projected = graph.node('MatMul', [
    features,
    graph.initialiser(weights(featureWidth * EMBEDDING), [featureWidth, EMBEDDING]),
  ])
  const unit = graph.node('LpNormalization', [projected], { axis: 1, p: 2 })
  graph.output('image_embeds', unit, 'float32', ['batch', EMBEDDING])
  return graph.encode()
}

/** The normalised mean of the embeddings of the words. */
function textModel(vocabulary: number): Uint8Array {
  const graph = createGraph('text_model')
  const ids = graph.input('input_ids', 'int64', ['batch', 'length'])
  const mask = graph.input('attention_mask', 'int64', ['batch', 'length'])
  const table = graph.initialiser(weights(vocabulary * EMBEDDING), [vocabulary, EMBEDDING])
  const rows = graph.node('Gather', [table, ids])
  const float = graph.node('Unsqueeze', [graph.node('Cast', [mask], { to: 1 }), graph.integers([2])])
  const sum = graph.node('ReduceSum', [graph.node('Mul', [rows, float]), graph.integers([1])], { keepdims: 0 })
  graph.output('text_embeds', sum, 'float32', ['batch', EMBEDDING])
  return graph.encode()
}

/** Writes a complete model folder with the built-in backbone and heads that were not trained, and returns its size. */
export async function writeTinyModel(folder: string, modelVersion = 'm-tiny') {
  const backboneFolder = join(folder, '..', `${modelVersion}-backbone`)
  await writeBuiltInBackbone(backboneFolder)
  const backbone = await openBackbone(backboneFolder)
  await backbone.close()
  const tokeniser = buildTokeniser(countWords(TINY_CAPTIONS), { minimumCount: 1, maxSize: 100, maxLength: 8 })
  const vocabulary = Object.keys(tokeniser.model.vocab).length
  const config = {
    model_type: 'pairstream-dual-encoder',
    model_version: modelVersion,
    projection_dim: EMBEDDING,
    feature_width: backbone.featureWidth,
    max_length: 8,
    views: ['plain', 'flipped'],
  }
  await mkdir(join(folder, 'onnx'), { recursive: true })
  await writeFile(join(folder, 'config.json'), JSON.stringify(config))
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokeniser))
  await writeFile(join(folder, 'onnx', 'image_head.onnx'), imageHead(backbone.featureWidth))
  await writeFile(join(folder, 'onnx', 'text_model.onnx'), textModel(vocabulary))
  return { backboneFolder, dimension: EMBEDDING }
}
