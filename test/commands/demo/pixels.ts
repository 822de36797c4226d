import sharp from 'sharp'

export type Pixels = {
  readonly width: number
  readonly height: number
  readonly at: (x: number, y: number) => readonly number[]
}

/** The decoded red, green and blue of a picture. */
export async function pixelsOf(picture: Uint8Array): Promise<Pixels> {
  const { data, info } = await sharp(picture).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  return { width, height, at: (x, y) => [...data.subarray((y * width + x) * channels, (y * width + x) * channels + 3)] }
}
