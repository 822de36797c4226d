import sharp from 'sharp'

/** The whole picture within a square of `side` pixels with round corners, on a quiet ground; PNG. Null when it cannot be decoded. */
export async function squarePicture(picture: Uint8Array, side: number, radius: number): Promise<Uint8Array | null> {
  const mask = `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}"><rect width="${side}" height="${side}" rx="${radius}"/></svg>`
  try {
    const square = await sharp(picture, { failOn: 'none' })
      .autoOrient()
      .resize(side, side, { fit: 'contain', background: '#eef0f3' })
      .flatten({ background: '#eef0f3' })
      .toColourspace('srgb')
      .png()
      .toBuffer()
    return await sharp(square)
      .ensureAlpha()
      .composite([{ input: Buffer.from(mask), blend: 'dest-in' }])
      .png()
      .toBuffer()
  } catch {
    return null
  }
}

/** A small JPEG of the whole picture as a `data:` address, for a page that must stand alone. Null when it cannot be decoded. */
export async function thumbnailAddress(picture: Uint8Array, side: number): Promise<string | null> {
  try {
    const jpeg = await sharp(picture, { failOn: 'none' })
      .autoOrient()
      .resize(side, side, { fit: 'inside' })
      .flatten({ background: '#ffffff' })
      .jpeg({ quality: 76, mozjpeg: true })
      .toBuffer()
    return `data:image/jpeg;base64,${jpeg.toString('base64')}`
  } catch {
    return null
  }
}
