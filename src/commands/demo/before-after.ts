import sharp, { type OverlayOptions } from 'sharp'
import { layOutSheet, RADIUS, SIDE, type PicturePlace, type RowLabels } from './sheet.ts'
import { squarePicture } from './square-picture.ts'
import type { StoryQuery } from './story.ts'

const defaultLabels: RowLabels = { before: 'first model', after: 'model now in service' }

async function placed({ hit, left, top }: PicturePlace): Promise<OverlayOptions | null> {
  const input = await squarePicture(hit.picture, SIDE, RADIUS)
  return input === null ? null : { input: Buffer.from(input), left, top }
}

/**
 * A picture of up to three queries, each with its best five pictures before and after, their scores, first captions and
 * whether they match; PNG, 1,400 pixels wide. A picture that cannot be decoded leaves its square empty.
 */
export async function drawBeforeAfter(
  queries: readonly StoryQuery[],
  labels: RowLabels = defaultLabels,
): Promise<Uint8Array> {
  const sheet = layOutSheet(queries, labels)
  const pictures: OverlayOptions[] = []
  for (const place of sheet.pictures) {
    const overlay = await placed(place)
    if (overlay !== null) pictures.push(overlay)
  }
  return sharp(Buffer.from(sheet.ground))
    .composite([...pictures, { input: Buffer.from(sheet.marks), left: 0, top: 0 }])
    .flatten({ background: '#ffffff' })
    .png({ compressionLevel: 9 })
    .toBuffer()
}
