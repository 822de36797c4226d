import { createGraph } from '../../../src/models/onnx/graph.ts'
import { generateScenes } from '../../../src/producers/scenes/generate.ts'
import { normal, randomStream } from '../../../src/training/random.ts'
import { sharedPath } from '../../fixtures/shared.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { writeFiles } from './tiny-text-model.ts'
import { wordPiece, writeTokeniser } from './tiny-tokenisers.ts'

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]']
export const TINY_SENTENCE_WIDTH = 48
const WIDTH = TINY_SENTENCE_WIDTH

/** A network that gives each word a direction of its own, whatever stands around it. */
function wordDirections(words: number, quantised: boolean): Uint8Array {
  const graph = createGraph('sentences')
  const ids = graph.input('input_ids', 'int64', ['batch', 'sequence'])
  graph.input('attention_mask', 'int64', ['batch', 'sequence'])
  const random = randomStream(3)
  const values = Float32Array.from({ length: words * WIDTH }, () => normal(random))
  let states = graph.node('Gather', [graph.initialiser(values, [words, WIDTH]), ids])
  if (quantised) {
    const [bytes = '', scale = '', zero = ''] = graph.nodes('DynamicQuantizeLinear', [states], 3)
    states = graph.node('DequantizeLinear', [bytes, scale, zero])
  }
  graph.output('last_hidden_state', states, 'float32', ['batch', 'sequence', WIDTH])
  return graph.encode()
}

/** Writes a sentence encoder that knows these words, with files beside that it does not need. Returns its folder. */
export async function writeTinySentenceEncoder(
  words: Iterable<string>,
  { quantised = false, seed = 0 }: { readonly quantised?: boolean; readonly seed?: number } = {},
): Promise<string> {
  const folder = await temporaryFolder()
  const tokens = [...SPECIAL, ...new Set(words), `other-${seed}`]
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]))
  await writeTokeniser(folder, { ...wordPiece, model: { ...wordPiece.model, vocab } }, { model_max_length: 64 })
  await writeFiles(folder, {
    'config.json': { model_type: 'tiny', max_position_embeddings: 64 },
    'modules.json': [
      { idx: 0, name: '0', path: '', type: 'sentence_transformers.models.Transformer' },
      { idx: 1, name: '1', path: '1_Pooling', type: 'sentence_transformers.models.Pooling' },
      { idx: 2, name: '2', path: '2_Normalize', type: 'sentence_transformers.models.Normalize' },
    ],
    '1_Pooling/config.json': { word_embedding_dimension: WIDTH, pooling_mode_mean_tokens: true },
    'sentence_bert_config.json': { max_seq_length: 32 },
    'onnx/model.onnx': wordDirections(tokens.length, quantised),
    'onnx/model_fp16.onnx': { what: 'no network that is used' },
    'README.md': { what: 'no part of the encoder' },
  })
  return folder
}

/** all-MiniLM-L6-v2; where it is not at hand, a tiny encoder that knows the words of generated scenes. */
export async function sceneSentenceEncoder(): Promise<string> {
  const real = sharedPath('models', 'all-MiniLM-L6-v2')
  if (real !== null) return real
  const words = new Set<string>()
  for await (const { captions } of generateScenes({ count: 60, seed: 5 })) {
    for (const { text } of captions) for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) words.add(word)
  }
  return writeTinySentenceEncoder(words)
}
