import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readModelJson } from '../model-config.ts'
import { RERANKER_TYPE } from '../model-folder.ts'
import { findOnnxFile } from '../pretrained/onnx-file.ts'

type Configuration = { readonly model_type?: unknown; readonly architectures?: unknown }

/** A cross-encoder is published as a classifier of pairs. */
const isClassifier = ({ architectures }: Configuration): boolean =>
  Array.isArray(architectures) && architectures.some((name) => String(name).endsWith('ForSequenceClassification'))

/** What is typed to use the model of a folder; null where no setting takes one of its kind. */
export async function useOf(folder: string): Promise<string | null> {
  const has = (file: string): boolean => existsSync(join(folder, file))
  const configuration = (await readModelJson(folder, 'config.json')) as Configuration
  const { model_type: type } = configuration
  if (type === 'pairstream-dual-encoder') return `pairstream evaluate --model ${folder}`
  const network = async (stem: string): Promise<boolean> => (await findOnnxFile(folder, stem)) !== null
  if (type === 'clip' && has('tokenizer.json') && has('preprocessor_config.json')) {
    const isWhole = ((await network('vision_model')) && (await network('text_model'))) || (await network('model'))
    return isWhole ? `CLIP_DIR=${folder} pairstream serve` : null
  }
  const isNetwork = has('tokenizer.json') && (await network('model'))
  if (type === RERANKER_TYPE || (isNetwork && isClassifier(configuration)))
    return `RERANKER_DIR=${folder} pairstream serve`
  // A backbone is known by its one file.
  const isOneFile = has('onnx/model.onnx') && !has('onnx/model.onnx_data') && !has('onnx/model.onnx.data')
  if (isNetwork && has('modules.json')) return `SENTENCE_ENCODER_DIR=${folder} pairstream serve`
  const isPictureNetwork = has('model.safetensors') || (isOneFile && has('preprocessor_config.json'))
  return isPictureNetwork && !has('tokenizer.json') ? `BACKBONE_DIR=${folder} pairstream serve` : null
}
