import type { Catalogue, CatalogueImage } from '../catalogue/catalogue.ts'
import { createBoundedCache } from '../core/bounded-cache.ts'
import { AppError } from '../core/errors.ts'
import { pictureVariant, type VariantType } from '../models/picture-variant.ts'
import type { BlobStore } from '../ports/blob-store.ts'

/** Widths that pictures are resized to, in pixels; others are refused, so that nobody can have a picture made in every size there is. */
export const variantWidths = [160, 320, 640, 1_280] as const

type Variant = { readonly width: number; readonly type: VariantType }

/** Bytes of all variants that are kept. */
const MOST_BYTES = 64 * 1024 * 1024
/** Pictures that are decoded at a time; sharp works on threads that the models need, too. */
const AT_ONCE = 2

/** Runs what it is given, a few at a time and in turn. */
function createTurnstile(width: number) {
  let free = width
  const waiting: (() => void)[] = []
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => void waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free++
      else next()
    }
  }
}

/**
 * Resized pictures, each made once while it is wanted and kept as long as there is room. With a picture that is no longer alive go its variants, as soon as the
 * catalogue says so.
 */
export function createPictureVariants({
  catalogue,
  blobs,
}: {
  readonly catalogue: Catalogue
  readonly blobs: BlobStore
}) {
  const kept = createBoundedCache<Uint8Array>(MOST_BYTES, (bytes) => bytes.length)
  const underWay = new Map<string, Promise<Uint8Array>>()
  const inTurn = createTurnstile(AT_ONCE)
  const keyOf = (imageId: string, { width, type }: Variant): string => `${imageId} ${width} ${type}`
  const imageIdOf = (key: string): string => key.split(' ')[0] ?? ''

  catalogue.onChange(() => {
    const keys = kept.keys()
    if (keys.length === 0) return
    const live = catalogue.liveAmong('images', [...new Set(keys.map(imageIdOf))])
    for (const key of keys) if (!live.has(imageIdOf(key))) kept.delete(key)
  })

  const make = async ({ imageId, blobKey }: CatalogueImage, variant: Variant): Promise<Uint8Array> => {
    const bytes = await blobs.get(blobKey)
    if (bytes === null) {
      throw new AppError('blob-missing', `The bytes of the picture ${imageId} are gone from the blob store.`)
    }
    const made = await pictureVariant(bytes, variant)
    if (catalogue.isLiveImage(imageId)) kept.set(keyOf(imageId, variant), made)
    return made
  }

  /** Throws `blob-missing`, or what decoding throws. */
  return async (image: CatalogueImage, variant: Variant): Promise<Uint8Array> => {
    const key = keyOf(image.imageId, variant)
    const known = kept.get(key)
    if (known !== undefined) return known
    const begun = underWay.get(key) ?? inTurn(() => make(image, variant)).finally(() => underWay.delete(key))
    underWay.set(key, begun)
    return begun
  }
}
