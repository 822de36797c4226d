import sharp, { type Sharp } from 'sharp'
import { withDeadline } from '../core/deadline.ts'
import { AppError } from '../core/errors.ts'
import { contentTypeOf } from '../core/image-types.ts'
import { imageTypeOf } from './image-type.ts'
import { HASH_INPUT, perceptualHash } from './perceptual-hash.ts'
import { resizeAsPillow } from './pillow-resize.ts'
import { cropPlace, resizedSize, toPixels, type Preprocessing } from './preprocessing.ts'
import { cornerOf, enlarged, type View } from './views.ts'

type ImageLimits = {
  /** Size of the file. Default 20 MB. */
  readonly maxBytes: number
  /** Width times height. Default 64 million. */
  readonly maxPixels: number
  /** Default 10 seconds. */
  readonly timeoutMilliseconds: number
}

type ImageFacts = {
  readonly contentType: string
  /** As shown: after the orientation that the camera noted is applied. */
  readonly width: number
  readonly height: number
  readonly perceptualHash: string
}

const defaultImageLimits: ImageLimits = {
  maxBytes: 20_000_000,
  maxPixels: 64_000_000,
  timeoutMilliseconds: 10_000,
}

// Pictures are decoded once, so libvips' cache would only hold memory; parallelism comes from decoding several at a time.
sharp.cache(false)
sharp.concurrency(1)

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
const megapixels = (pixels: number): string => `${(pixels / 1e6).toFixed(1)} megapixels`

function refuseTooManyPixels(width: number, height: number, limits: ImageLimits): void {
  if (width * height <= limits.maxPixels) return
  const size = `${width} x ${height} (${megapixels(width * height)})`
  throw new AppError(
    'image-too-large',
    `The picture is ${size}; scale it down to at most ${megapixels(limits.maxPixels)}.`,
  )
}

/** libvips reports everything as text; what is not about time is about the file, since the memory is bounded by the limits. */
function translate(error: unknown, limits: ImageLimits): AppError {
  if (error instanceof AppError) return error
  if (error instanceof Error && /timeout/i.test(error.message)) return timeoutError(limits)
  const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
  const detail = `The picture is damaged or incomplete (${reason}); export or download it again.`
  return new AppError('image-unreadable', detail, { cause: error })
}

function timeoutError(limits: ImageLimits): AppError {
  const seconds = limits.timeoutMilliseconds / 1000
  return new AppError(
    'image-timeout',
    `Decoding took longer than ${seconds} s; save the picture again, smaller or as a plain JPEG.`,
  )
}

/** sharp's own timeout ends the work but counts whole seconds and only between scan lines; the timer keeps the promise. */
export async function withinTime<T>(work: Promise<T>, limits: ImageLimits = defaultImageLimits): Promise<T> {
  try {
    return await withDeadline(work, limits.timeoutMilliseconds, () => timeoutError(limits))
  } catch (error) {
    throw translate(error, limits)
  }
}

type Size = { readonly width: number; readonly height: number }
type Place = { readonly left: number; readonly top: number }

type Opened = {
  readonly picture: () => Sharp
  readonly contentType: string
  readonly width: number
  readonly height: number
}

/** Checks type, bytes and pixels from the header, before anything is decoded. */
export async function openPicture(bytes: Uint8Array, limits: ImageLimits = defaultImageLimits): Promise<Opened> {
  if (bytes.length > limits.maxBytes) {
    const detail = `The file has ${megabytes(bytes.length)}; at most ${megabytes(limits.maxBytes)} are accepted. Save it smaller.`
    throw new AppError('image-too-many-bytes', detail)
  }
  const type = imageTypeOf(bytes)
  if (type === null) {
    const accepted = 'JPEG, PNG, WebP, GIF, TIFF and AVIF'
    throw new AppError(
      'image-type-refused',
      `By its content the file is none of ${accepted}, whatever its name; convert it.`,
    )
  }
  // 'error' refuses truncated and damaged data, and lets pass the warnings that many cameras and editors cause.
  const header = sharp(bytes, { failOn: 'error', limitInputPixels: false })
  const { autoOrient } = await withinTime(header.metadata(), limits)
  refuseTooManyPixels(autoOrient.width, autoOrient.height, limits)
  const picture = (): Sharp =>
    sharp(bytes, { failOn: 'error', limitInputPixels: limits.maxPixels })
      .timeout({ seconds: Math.min(3600, Math.ceil(limits.timeoutMilliseconds / 1000)) })
      .autoOrient()
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
  return { picture, contentType: contentTypeOf(type), ...autoOrient }
}

/** Larger pictures, before or after, take too long here, and the wider a kernel is, the less its weights depend on who computes them. */
const MOST_PILLOW_PIXELS = 1_000_000

const raw = (bytes: Uint8Array, size: Size): Sharp => sharp(bytes, { raw: { ...size, channels: 3 } })

/** Interleaved 8-bit RGB, rows from top to bottom. */
async function rgb(picture: Sharp, limits: ImageLimits): Promise<Uint8Array> {
  const { data, info } = await withinTime(picture.removeAlpha().raw().toBuffer({ resolveWithObject: true }), limits)
  if (info.channels !== 3) throw new AppError('image-unreadable', 'The picture has no RGB form; convert it to sRGB.')
  return data
}

/**
 * Decodes a picture once and says what it is. Accepts JPEG, PNG, WebP, GIF (first frame), TIFF (first page) and AVIF by their
 * content. Throws `image-too-many-bytes`, `image-type-refused`, `image-too-large` (from the header alone), `image-unreadable`
 * (also when the end is missing) or `image-timeout`.
 */
export async function inspectImage(bytes: Uint8Array, limits: Partial<ImageLimits> = {}): Promise<ImageFacts> {
  const bounds = { ...defaultImageLimits, ...limits }
  const { picture, contentType, width, height } = await openPicture(bytes, bounds)
  // JPEG's quick way to shrink would give a copy in another container another hash.
  const shrunk = picture().resize({ ...HASH_INPUT, fit: 'fill', kernel: 'linear', fastShrinkOnLoad: false })
  const small = await rgb(shrunk, bounds)
  return { contentType, width, height, perceptualHash: perceptualHash(small) }
}

/** A part of a picture in interleaved RGB. */
function cut(rgb: Uint8Array, from: Size, part: Size, { left, top }: Place): Uint8Array {
  const rows = new Uint8Array(3 * part.width * part.height)
  for (let y = 0; y < part.height; y++) {
    const start = 3 * ((top + y) * from.width + left)
    rows.set(rgb.subarray(start, start + 3 * part.width), 3 * y * part.width)
  }
  return rows
}

/**
 * The picture as a model wants it: one Float32Array [3, height, width] for each of `views`. Orientation applied, transparency on white, any
 * colour space as sRGB. Throws as `inspectImage` does.
 */
export async function decodePixels(
  bytes: Uint8Array,
  preprocessing: Preprocessing,
  views: readonly View[],
  limits: Partial<ImageLimits> = {},
): Promise<Float32Array[]> {
  const bounds = { ...defaultImageLimits, ...limits }
  const { picture, width, height } = await openPicture(bytes, bounds)
  const { kernel, crop } = preprocessing
  const pillowKernel = (resized: Size): Exclude<typeof kernel, 'nearest'> | null =>
    preprocessing.resampling === 'pillow' &&
    kernel !== 'nearest' &&
    Math.max(width * height, resized.width * resized.height) <= MOST_PILLOW_PIXELS
      ? kernel
      : null

  /** The middle of the picture at this size. */
  const middleOf = async (resized: Size, middle: Size): Promise<Uint8Array> => {
    refuseTooManyPixels(resized.width, resized.height, bounds) // a strip of 1 x 60,000 grows when its short edge does
    const asPillow = pillowKernel(resized)
    const fitted =
      asPillow === null
        ? picture().resize(resized.width, resized.height, { fit: 'fill', kernel })
        : raw(resizeAsPillow(await rgb(picture(), bounds), { width, height }, resized, asPillow), resized)
    const place = cropPlace(resized, { ...preprocessing, crop: middle })
    return rgb(fitted.extract({ ...place, ...middle }), bounds)
  }

  const resized = resizedSize(width, height, preprocessing)
  const near = enlarged(crop)
  const once = <T>(work: () => Promise<T>): (() => Promise<T>) => {
    let begun: Promise<T> | undefined
    return () => (begun ??= work())
  }
  const seenWhole = once(() => middleOf(resized, crop))
  const seenNear = once(() => middleOf(enlarged(resized), near))

  const look = async (view: View): Promise<Float32Array> => {
    const corner = cornerOf(view)
    if (corner === null) return toPixels(await seenWhole(), preprocessing, view)
    const left = corner.isRight ? near.width - crop.width : 0
    const top = corner.isBottom ? near.height - crop.height : 0
    return toPixels(cut(await seenNear(), near, crop, { left, top }), preprocessing, view)
  }
  return Promise.all(views.map(look))
}
