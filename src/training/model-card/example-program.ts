import type { ChosenOutput } from '../../models/backbone-outputs.ts'
import type { DualEncoderConfiguration } from '../../models/model-config.ts'
import type { Preprocessing, View } from '../../models/preprocessing.ts'

/** What the program depends on. */
export type ProgramFacts = {
  readonly configuration: Pick<DualEncoderConfiguration, 'max_length'> & { readonly views: readonly View[] }
  readonly preprocessing: Preprocessing
  /** The output of the backbone that features are read from. */
  readonly features: ChosenOutput
}

const kernels = { nearest: 'NEAREST', lanczos3: 'LANCZOS', linear: 'BILINEAR', cubic: 'BICUBIC' } as const

const list = (values: readonly number[]): string => `[${values.join(', ')}]`

/** A picture brought to the backbone's input. */
function pixelLines({ resize, crop, kernel, scale, offset }: Preprocessing): string[] {
  const resampling = `Image.Resampling.${kernels[kernel]}`
  const sized =
    'width' in resize
      ? [`    picture = picture.resize((${resize.width}, ${resize.height}), ${resampling})`]
      : [
          `    sides = [side * ${resize.shortestEdge} // min(picture.size) for side in picture.size]`,
          `    picture = picture.resize(sides, ${resampling})`,
        ]
  const isWhole = 'width' in resize && resize.width === crop.width && resize.height === crop.height
  const cropped = isWhole
    ? []
    : [
        `    left, top = (picture.width - ${crop.width}) // 2, (picture.height - ${crop.height}) // 2`,
        `    picture = picture.crop((left, top, left + ${crop.width}, top + ${crop.height}))`,
      ]
  return [
    ...sized,
    ...cropped,
    `    values = numpy.asarray(picture, numpy.float32) * numpy.float32(${list(scale)}) + numpy.float32(${list(offset)})`,
    '    pixels = values.transpose(2, 0, 1)',
  ]
}

/** From the backbone's output to one row of features a view; tokens are pooled by a rule that takes more than a line. */
const pooling = { vector: '', grid: '.mean((2, 3))', tokens: null } as const

/**
 * Python that embeds a text and a picture with the folder's files and nothing of this project: `onnxruntime`, `tokenizers` and `Pillow`. Null where
 * the features of a picture are not simply an output of the backbone or its mean.
 */
export function exampleProgram({ configuration, preprocessing, features }: ProgramFacts): string | null {
  const pooled = pooling[features.layout]
  if (pooled === null) return null
  const { max_length: length, views } = configuration
  const viewed = views.map((view) => (view === 'plain' ? 'pixels' : 'pixels[:, :, ::-1]')).join(', ')
  return [
    'import numpy',
    'from onnxruntime import InferenceSession',
    'from PIL import Image',
    'from tokenizers import Tokenizer',
    '',
    'tokenizer = Tokenizer.from_file("tokenizer.json")',
    'text_model = InferenceSession("onnx/text_model.onnx")',
    'backbone = InferenceSession("onnx/image_backbone.onnx")',
    'image_head = InferenceSession("onnx/image_head.onnx")',
    '',
    'def embed_text(text):',
    '    ids = tokenizer.encode(text).ids',
    `    input_ids, attention_mask = numpy.zeros((2, 1, ${length}), numpy.int64)`,
    '    input_ids[0, : len(ids)], attention_mask[0, : len(ids)] = ids, 1',
    '    feeds = {"input_ids": input_ids, "attention_mask": attention_mask}',
    '    return text_model.run(["text_embeds"], feeds)[0][0]',
    '',
    'def embed_picture(path):',
    '    picture = Image.open(path).convert("RGB")',
    ...pixelLines(preprocessing),
    `    views = numpy.ascontiguousarray(numpy.stack([${viewed}]))`,
    `    features = backbone.run(["${features.name}"], {backbone.get_inputs()[0].name: views})[0]${pooled}`,
    '    return image_head.run(["image_embeds"], {"features": features.mean(0, keepdims=True)})[0][0]',
  ].join('\n')
}
