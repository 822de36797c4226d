import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../core/errors.ts'
import { isMirrored, type View } from './views.ts'

type Size = { readonly width: number; readonly height: number }

/** How a model wants its pictures: resized, centre-cropped, then `value * scale[c] + offset[c]` of each byte. */
export type Preprocessing = {
  /** Both edges, or the shorter one with the shape kept. */
  readonly resize: Size | { readonly shortestEdge: number }
  readonly kernel: 'nearest' | 'lanczos3' | 'linear' | 'cubic'
  /** What remains in the middle; the width and height of the model's input. */
  readonly crop: Size
  readonly scale: readonly [number, number, number]
  readonly offset: readonly [number, number, number]
  /** Where the crop begins half a pixel in: at the even pixel of the two; else at the lower one. */
  readonly cropRounding?: 'half_to_even'
  /** Whether pictures of up to a megapixel are resized to the very bytes that Pillow gives; else as libvips does it. */
  readonly resampling?: 'pillow'
}

const edge = z.number().int().min(1).max(4096)
const size = z.union([edge, z.object({ height: edge, width: edge }), z.object({ shortest_edge: edge })])
const three = z.tuple([z.number(), z.number(), z.number()])

/**
 * Hugging Face's `preprocessor_config.json`; defaults as in its `BaseImageProcessor` family. `crop_rounding` is of this project: other readers
 * round as they always do.
 */
const configuration = z.object({
  do_resize: z.literal(true).default(true),
  size,
  resample: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)]).default(3),
  /** Whether a bare number means both edges, where a crop follows. */
  default_to_square: z.boolean().default(false),
  do_center_crop: z.boolean().default(false),
  crop_rounding: z.literal('half_to_even').optional(),
  /** ConvNeXt's share of the shorter edge that is kept; it crops by it and by nothing else. */
  crop_pct: z.number().positive().max(1).optional(),
  crop_size: z.union([edge, z.object({ height: edge, width: edge })]).optional(),
  do_rescale: z.boolean().default(true),
  rescale_factor: z
    .number()
    .positive()
    .default(1 / 255),
  do_normalize: z.boolean().default(true),
  image_mean: three.default([0.5, 0.5, 0.5]),
  image_std: z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]).default([0.5, 0.5, 0.5]),
})

/** What image processors of the library take for granted, where that differs: older files are published without it. */
const customary: Readonly<Record<string, object>> = {
  ViT: { resample: 2 },
  DeiT: { do_center_crop: true, default_to_square: true, size: 256, crop_size: 224 },
  Beit: { do_center_crop: true, default_to_square: true, size: 256, crop_size: 224 },
  ConvNext: { resample: 2, crop_pct: 224 / 256 },
  MobileNetV1: { do_center_crop: true, resample: 2, size: 256, crop_size: 224 },
  MobileNetV2: { do_center_crop: true, resample: 2, size: 256, crop_size: 224 },
}

/** The document over what is customary for it. Newer files give `null` for what is left to the image processor. */
function withCustomary(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const given: Record<string, unknown> = Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null))
  const type = given['image_processor_type'] ?? given['feature_extractor_type']
  const family = /^(.+?)(?:ImageProcessor|FeatureExtractor)/.exec(typeof type === 'string' ? type : '')?.[1] ?? ''
  return Object.hasOwn(customary, family) ? { ...customary[family], ...given } : given
}

/** Pillow's resampling numbers; libvips widens its kernels when shrinking, as Pillow does, and its cubic is Pillow's (a = -0.5). */
const kernels = ['nearest', 'lanczos3', 'linear', 'cubic'] as const

const square = (length: number): Size => ({ width: length, height: length })

/** Understands the text of a `preprocessor_config.json`. Throws `model-invalid` with the name of the field at fault. */
export function parsePreprocessing(json: string): Preprocessing {
  const invalid = (reason: string): AppError =>
    new AppError('model-invalid', `preprocessor_config.json cannot be used: ${reason}`)
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (cause) {
    throw new AppError(
      'model-invalid',
      'preprocessor_config.json is not JSON; take it again from where the model came from.',
      { cause },
    )
  }
  const parsed = configuration.safeParse(withCustomary(value))
  if (!parsed.success) {
    throw invalid(
      parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the document'}: ${issue.message}`).join('; '),
    )
  }
  const config = parsed.data
  const [resize, crop] =
    config.crop_pct === undefined ? resizeAndCrop(config) : shareOfEdge(config.size, config.crop_pct)
  if (crop === null)
    throw invalid('size keeps the shape of the picture and there is no crop, so the input has no fixed size.')
  const room = 'shortestEdge' in resize ? square(resize.shortestEdge) : resize
  if (crop.width > room.width || crop.height > room.height) throw invalid('crop_size is larger than size.')
  const factor = config.do_rescale ? config.rescale_factor : 1
  const mean = config.do_normalize ? config.image_mean : ([0, 0, 0] as const)
  const deviation = config.do_normalize ? config.image_std : ([1, 1, 1] as const)
  return {
    resize,
    kernel: kernels[config.resample],
    crop,
    scale: [factor / deviation[0], factor / deviation[1], factor / deviation[2]],
    offset: [-mean[0] / deviation[0], -mean[1] / deviation[1], -mean[2] / deviation[2]],
    ...(config.crop_rounding === undefined ? {} : { cropRounding: config.crop_rounding }),
  }
}

type Resized = readonly [resize: Preprocessing['resize'], crop: Size | null]

function resizeAndCrop(config: z.infer<typeof configuration>): Resized {
  const resize = resizeOf(config.size, config.do_center_crop && !config.default_to_square)
  return [resize, cropOf(config.do_center_crop, config.crop_size, resize)]
}

/** ConvNeXt keeps the middle of small inputs, and from 384 pixels on squeezes the whole picture into them. */
function shareOfEdge(given: z.infer<typeof size>, share: number): Resized {
  if (typeof given === 'object' && 'height' in given) return [given, given]
  const side = typeof given === 'number' ? given : given.shortest_edge
  return side < 384 ? [{ shortestEdge: Math.floor(side / share) }, square(side)] : [square(side), square(side)]
}

/** A bare number is the shorter edge where a crop follows, else both edges, as in the library's older configurations. */
function resizeOf(given: z.infer<typeof size>, keepsShape: boolean): Preprocessing['resize'] {
  if (typeof given === 'number') return keepsShape ? { shortestEdge: given } : square(given)
  return 'shortest_edge' in given ? { shortestEdge: given.shortest_edge } : given
}

function cropOf(cropped: boolean, given: number | Size | undefined, resize: Preprocessing['resize']): Size | null {
  if (cropped && given !== undefined) return typeof given === 'number' ? square(given) : given
  if (!('shortestEdge' in resize)) return resize
  return cropped ? square(resize.shortestEdge) : null
}

/** Reads a model folder's `preprocessor_config.json`. Throws `model-invalid` when it is missing or cannot be used. */
export async function readPreprocessing(folder: string): Promise<Preprocessing> {
  const path = join(folder, 'preprocessor_config.json')
  const json = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new AppError('model-invalid', `${path} is missing; a model folder needs it to know how pictures go in.`, {
      cause,
    })
  })
  return parsePreprocessing(json)
}

/** The size to which a picture is resized before the crop; the long edge is rounded down, as the reference does. */
export function resizedSize(width: number, height: number, { resize }: Preprocessing): Size {
  if (!('shortestEdge' in resize)) return resize
  const { shortestEdge } = resize
  return width <= height
    ? { width: shortestEdge, height: Math.floor((shortestEdge * height) / width) }
    : { width: Math.floor((shortestEdge * width) / height), height: shortestEdge }
}

/** The place of the crop within the resized picture. */
export function cropPlace(resized: Size, { crop, cropRounding }: Preprocessing): { left: number; top: number } {
  const half = (room: number): number => {
    const lower = Math.floor(room / 2)
    return cropRounding === 'half_to_even' && room % 2 === 1 && lower % 2 === 1 ? lower + 1 : lower
  }
  return { left: half(resized.width - crop.width), top: half(resized.height - crop.height) }
}

/** Interleaved RGB bytes of what the view shows as planes [3, height, width], scaled and shifted, mirrored where the view is. */
export function toPixels(rgb: Uint8Array, { crop, scale, offset }: Preprocessing, view: View): Float32Array {
  const { width, height } = crop
  const plane = width * height
  const mirrored = isMirrored(view)
  const pixels = new Float32Array(3 * plane)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + (mirrored ? width - 1 - x : x)) * 3
      const to = y * width + x
      pixels[to] = (rgb[from] ?? 0) * scale[0] + offset[0]
      pixels[plane + to] = (rgb[from + 1] ?? 0) * scale[1] + offset[1]
      pixels[2 * plane + to] = (rgb[from + 2] ?? 0) * scale[2] + offset[2]
    }
  }
  return pixels
}
