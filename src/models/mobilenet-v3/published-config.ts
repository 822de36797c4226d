import { z } from 'zod'
import { AppError } from '../../core/errors.ts'

const edge = z.number().int().min(32).max(4096)
const three = z.tuple([z.number(), z.number(), z.number()])
const positives = z.tuple([z.number().positive(), z.number().positive(), z.number().positive()])

/** Pillow's numbers of the ways to resize that PyTorch image models name. */
const resampling = { nearest: 0, lanczos: 1, bilinear: 2, bicubic: 3 } as const

/** `config.json` as PyTorch image models publish it. */
const configuration = z.object({
  // A published name may carry the name of its training: `mobilenetv3_small_100.lamb_in1k`.
  architecture: z.string().regex(/^mobilenetv3_small_100(\..+)?$/, 'is none of: mobilenetv3_small_100'),
  pretrained_cfg: z.object({
    input_size: z.tuple([z.literal(3), edge, edge]).refine(([, height, width]) => height === width, 'is not square'),
    interpolation: z.enum(['nearest', 'lanczos', 'bilinear', 'bicubic']),
    mean: three,
    std: positives,
    crop_pct: z.number().min(0.1).max(1).default(0.875),
    crop_mode: z.enum(['center', 'squash']).default('center'),
  }),
})

export type PublishedConfig = z.infer<typeof configuration>

/** Whether the text is a configuration in the form of PyTorch image models, of whatever architecture. */
export const isPublishedConfig = (config: unknown): boolean =>
  z.object({ architecture: z.string(), pretrained_cfg: z.looseObject({}) }).safeParse(config).success

/** Understands the configuration. Throws `model-invalid` with the fields at fault. */
export function parsePublishedConfig(config: unknown): PublishedConfig {
  const parsed = configuration.safeParse(config)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
  throw new AppError(
    'model-invalid',
    `config.json with weights in safetensors cannot be used (${faults}); export the network as ONNX.`,
  )
}

/**
 * `preprocessor_config.json` for what PyTorch image models do with a picture when they are not training: the shorter edge (`squash`: both)
 * becomes the input's divided by the share that is kept, rounded down, and the middle is cut out as torchvision does, which rounds halves of a
 * pixel to even numbers.
 */
export function preprocessorConfig({ pretrained_cfg: published }: PublishedConfig) {
  const side = published.input_size[1]
  const resized = Math.floor(side / published.crop_pct)
  return {
    image_processor_type: 'BitImageProcessor',
    do_resize: true,
    size: published.crop_mode === 'center' ? { shortest_edge: resized } : { height: resized, width: resized },
    resample: resampling[published.interpolation],
    do_center_crop: true,
    crop_size: { height: side, width: side },
    crop_rounding: 'half_to_even',
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: published.mean,
    image_std: published.std,
  }
}
