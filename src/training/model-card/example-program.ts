import type { ChosenOutput } from '../../models/backbone-outputs.ts'
import type { DualEncoderConfiguration } from '../../models/model-config.ts'
import type { Regions } from '../../models/regions.ts'
import type { Preprocessing } from '../../models/preprocessing.ts'
import { cornerOf, enlarged, isMirrored, type View } from '../../models/views.ts'

/** What the program depends on. */
export type ProgramFacts = {
  readonly configuration: Pick<DualEncoderConfiguration, 'max_length'> & { readonly views: readonly View[] }
  readonly preprocessing: Preprocessing
  /** The output of the backbone that features are read from. */
  readonly features: ChosenOutput
  /** The output that regions are read from, and their number each way, where the head attends to them. */
  readonly regions: (Pick<Regions, 'rows' | 'columns'> & { readonly map: ChosenOutput }) | null
}

const kernels = { nearest: 'NEAREST', lanczos3: 'LANCZOS', linear: 'BILINEAR', cubic: 'BICUBIC' } as const

const list = (values: readonly number[]): string => `[${values.join(', ')}]`

/** `picture` resized, and what the model looks at cut out of its middle, as `name`; `near` as it is taken for corners. */
function cropLines(name: 'whole' | 'near', { resize, crop: whole, kernel }: Preprocessing): string[] {
  const isNear = name === 'near'
  const resampling = `Image.Resampling.${kernels[kernel]}`
  const crop = isNear ? enlarged(whole) : whole
  if ('width' in resize) {
    const { width, height } = isNear ? enlarged(resize) : resize
    const resized = `    ${name} = picture.resize((${width}, ${height}), ${resampling})`
    return width === crop.width && height === crop.height ? [resized] : [resized, ...middleLines(name, crop)]
  }
  const larger = isNear ? ' * 5 // 4' : ''
  return [
    `    sides = [side * ${resize.shortestEdge} // min(picture.size)${larger} for side in picture.size]`,
    `    ${name} = picture.resize(sides, ${resampling})`,
    ...middleLines(name, crop),
  ]
}

const middleLines = (name: string, { width, height }: Preprocessing['crop']): string[] => [
  `    left, top = (${name}.width - ${width}) // 2, (${name}.height - ${height}) // 2`,
  `    ${name} = ${name}.crop((left, top, left + ${width}, top + ${height}))`,
]

/** The pixels that a view shows. */
function viewed(view: View, { crop }: Preprocessing): string {
  const corner = cornerOf(view)
  const mirrored = isMirrored(view) ? '[:, :, ::-1]' : ''
  if (corner === null) return `pixels(whole)${mirrored}`
  const near = enlarged(crop)
  const left = corner.isRight ? near.width - crop.width : 0
  const top = corner.isBottom ? near.height - crop.height : 0
  return `pixels(near.crop((${left}, ${top}, ${left + crop.width}, ${top + crop.height})))${mirrored}`
}

/** A function from feature maps [views, channels, height, width] to rows of regions, where these are in the picture itself. */
function regionLines({ rows, columns }: Pick<Regions, 'rows' | 'columns'>, views: readonly View[]): string[] {
  const mirrored = views.flatMap((view, at) => (isMirrored(view) ? [at] : []))
  return [
    'def regions(maps):',
    ...(mirrored.length === 0 ? [] : [`    maps[${list(mirrored)}] = maps[${list(mirrored)}, :, :, ::-1]`]),
    '    span = lambda cell, cells, places: slice(cell * places // cells, -(-(cell + 1) * places // cells))',
    `    cells = [maps[:, :, span(row, ${rows}, maps.shape[2]), span(column, ${columns}, maps.shape[3])].mean((2, 3))`,
    `             for row in range(${rows}) for column in range(${columns})]`,
    '    return numpy.concatenate(cells, 1)',
    '',
  ]
}

/** From the backbone's output to one row of features a view; tokens are pooled by a rule that takes more than a line. */
const pooling = { vector: '', grid: '.mean((2, 3))', tokens: null } as const

/**
 * Python that embeds a text and a picture with the folder's files and nothing of this project: `onnxruntime`, `tokenizers` and `Pillow`. Null where
 * the features of a picture are not simply an output of the backbone or its mean.
 */
export function exampleProgram({ configuration, preprocessing, features, regions }: ProgramFacts): string | null {
  const pooled = pooling[features.layout]
  if (pooled === null || (regions !== null && regions.map.layout !== 'grid')) return null
  const { max_length: length, views } = configuration
  const { scale, offset } = preprocessing
  const looks = views.some((view) => cornerOf(view) !== null) ? (['whole', 'near'] as const) : (['whole'] as const)
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
    'def pixels(picture):',
    '    values = numpy.asarray(picture, numpy.float32)',
    `    values = values * numpy.float32(${list(scale)}) + numpy.float32(${list(offset)})`,
    '    return values.transpose(2, 0, 1)',
    '',
    ...(regions === null ? [] : regionLines(regions, views)),
    'def embed_picture(path):',
    '    picture = Image.open(path).convert("RGB")',
    ...looks.flatMap((name) => cropLines(name, preprocessing)),
    '    views = numpy.ascontiguousarray(numpy.stack([',
    ...views.map((view) => `        ${viewed(view, preprocessing)},`),
    '    ]))',
    '    feeds = {backbone.get_inputs()[0].name: views}',
    `    features = backbone.run(["${features.name}"], feeds)[0]${pooled}`,
    ...(regions === null
      ? []
      : [
          `    maps = backbone.run(["${regions.map.name}"], feeds)[0]`,
          '    features = numpy.concatenate([features, regions(maps)], 1)',
        ]),
    '    return image_head.run(["image_embeds"], {"features": features.mean(0, keepdims=True)})[0][0]',
  ].join('\n')
}
