import { openPicture, withinTime } from './decode-image.ts'

export const variantTypes = ['image/webp', 'image/jpeg'] as const
/** Pixels that a WebP file can have in a direction. */
const MOST_HIGH = 16_383
export type VariantType = (typeof variantTypes)[number]

/**
 * The bytes of a picture, upright, on white and at most `width` pixels wide (less where it would be too high for a file), as a file of this type. Throws what decoding throws
 * (`image-unreadable`, `image-timeout`).
 */
export async function pictureVariant(
  bytes: Uint8Array,
  { width, type }: { readonly width: number; readonly type: VariantType },
): Promise<Uint8Array> {
  const { picture } = await openPicture(bytes)
  const resized = picture().resize({ width, height: MOST_HIGH, fit: 'inside', withoutEnlargement: true })
  const encoded =
    type === 'image/webp' ? resized.webp({ quality: 80 }) : resized.jpeg({ quality: 82, progressive: true })
  return new Uint8Array(await withinTime(encoded.toBuffer()))
}
