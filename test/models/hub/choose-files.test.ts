import { describe, expect, it } from 'vitest'
import { chooseFiles, type Precision } from '../../../src/models/hub/choose-files.ts'

const networks = (paths: readonly string[], precision: Precision | null = null) =>
  chooseFiles(['config.json', ...paths], {}, precision).networks

/** As the sentence encoders are published. */
const sentences = ['model', 'model_O1', 'model_O4', 'model_qint8_avx512_vnni', 'model_quint8_avx2', 'model_qint8_arm64']
/** As CLIP is published. */
const clip = ['model', 'text_model', 'vision_model'].flatMap((part) =>
  ['', '_fp16', '_quantized', '_int8', '_uint8', '_q4', '_q4f16', '_bnb4'].map(
    (ending) => `onnx/${part}${ending}.onnx`,
  ),
)

describe('the networks that are chosen', () => {
  it('are the towers of CLIP in one precision', () => {
    expect(networks(clip)).toEqual(['onnx/text_model.onnx', 'onnx/vision_model.onnx'])
    expect(networks(clip, 'fp16')).toEqual(['onnx/text_model_fp16.onnx', 'onnx/vision_model_fp16.onnx'])
    expect(networks(clip, 'int8')).toEqual(['onnx/text_model_quantized.onnx', 'onnx/vision_model_quantized.onnx'])
  })

  it('are one of those that are optimised for other runtimes', () => {
    const paths = sentences.map((name) => `onnx/${name}.onnx`)
    expect(networks(paths)).toEqual(['onnx/model.onnx'])
    expect(networks(paths, 'int8')).toEqual(['onnx/model_quint8_avx2.onnx'])
    expect(() => networks(paths, 'fp16')).toThrow(expect.objectContaining({ code: 'model-invalid' }))
    expect(() => networks(paths, 'fp16')).toThrow(/there is fp32, int8/)
  })

  it('are what there is, where there is no fp32', () => {
    expect(chooseFiles(['onnx/model_quantized.onnx'], {}, null)).toMatchObject({ precision: 'int8' })
    expect(chooseFiles(['onnx/model_fp16.onnx', 'onnx/model_int8.onnx'], {}, null)).toMatchObject({ precision: 'int8' })
  })

  it('are those in the folder onnx before those beside it, and none deeper', () => {
    expect(networks(['model.onnx', 'onnx/model.onnx', 'onnx/old/model.onnx'])).toEqual(['onnx/model.onnx'])
    expect(networks(['model.onnx'])).toEqual(['model.onnx'])
  })

  it('are all parts of a dual encoder that was trained here', () => {
    const parts = ['onnx/image_backbone.onnx', 'onnx/image_head.onnx', 'onnx/text_model.onnx']
    expect(networks(parts)).toEqual(parts)
  })

  it('are safetensors where the network is written here, and only there', () => {
    const paths = ['config.json', 'model.safetensors', 'pytorch_model.bin']
    const choice = chooseFiles(paths, { architecture: 'mobilenetv3_small_100.lamb_in1k' }, null)
    expect(choice).toEqual({ settings: ['config.json'], networks: ['model.safetensors'], precision: 'fp32' })
    expect(() => chooseFiles(paths, { architecture: 'resnet50' }, null)).toThrow(/no ONNX files; .*no pickles/)
    expect(() => chooseFiles(paths, { architecture: 'mobilenetv3_small_100' }, 'int8')).toThrow(/--precision/)
    for (const configuration of [null, [], 'text', { architecture: {} }]) {
      expect(() => chooseFiles(paths, configuration, null)).toThrow(/no ONNX files/)
    }
  })
})

it('takes the configuration of tokenisers and pooling, and no code', () => {
  const wanted = ['1_Pooling/config.json', 'config.json', 'merges.txt', 'modules.json', 'tokenizer.json', 'vocab.json']
  const others = [
    '.config.json',
    'a/tokenizer.json',
    'config.json.py',
    'modeling.py',
    'pytorch_model.bin',
    'tf_model.h5',
  ]
  expect(chooseFiles([...others, ...wanted, 'onnx/model.onnx'], {}, null).settings).toEqual(wanted)
})
