import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { decodePixels, inspectImage } from '../../src/models/decode-image.ts'
import { parsePreprocessing } from '../../src/models/preprocessing.ts'
import { photograph } from '../fixtures/photographs.ts'

const picture = (width: number, height: number, background: string) =>
  sharp({ create: { width, height, channels: 3, background } })
/** Bytes as they are, in planes: what the decoder saw. */
const asBytes = (width: number, height: number) =>
  parsePreprocessing(JSON.stringify({ size: { width, height }, do_rescale: false, do_normalize: false }))
const colours = async (bytes: Uint8Array, width: number, height: number): Promise<number[]> => {
  const [pixels = new Float32Array()] = await decodePixels(bytes, asBytes(width, height), ['plain'])
  return [...pixels]
}

/** A PNG whose header promises more than the file holds: only the header may be believed, and only to refuse it. */
function pngHeader(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(data.length)
    const body = Buffer.concat([Buffer.from(type), data])
    const checksum = Buffer.alloc(4)
    checksum.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, checksum])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, 0], 8)
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.alloc(64))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function crc32(bytes: Uint8Array): number {
  let checksum = 0xffffffff
  for (const byte of bytes) {
    checksum ^= byte
    for (let bit = 0; bit < 8; bit++) checksum = (checksum >>> 1) ^ (checksum & 1 ? 0xedb88320 : 0)
  }
  return (checksum ^ 0xffffffff) >>> 0
}

describe('inspectImage', () => {
  it.each(['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const)('accepts %s', async (format) => {
    const bytes = await sharp(await photograph())
      .toFormat(format)
      .toBuffer()
    const facts = await inspectImage(bytes)
    expect(facts).toMatchObject({ contentType: `image/${format}`, width: 224, height: 224 })
  })

  it('takes the first frame of an animated picture', async () => {
    const frames = await Promise.all(['red', 'lime'].map((colour) => picture(8, 8, colour).png().toBuffer()))
    const animation = await sharp(frames, { join: { animated: true } })
      .gif()
      .toBuffer()
    expect(await inspectImage(animation)).toMatchObject({ contentType: 'image/gif', width: 8, height: 8 })
    expect(await colours(animation, 1, 1)).toEqual([255, 0, 0])
  })

  it('gives the size as shown when the camera was turned', async () => {
    const turned = await picture(40, 20, 'blue').withMetadata({ orientation: 6 }).jpeg().toBuffer()
    expect(await inspectImage(turned)).toMatchObject({ width: 20, height: 40 })
  })

  it.each([
    ['an SVG', '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'],
    ['an SVG after an XML declaration', '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'],
    ['a PDF', '%PDF-1.7\n'],
    ['a text named .jpg', 'These are the words of a text file, whatever it is called.'],
    ['an HTML page', '<!doctype html><title>404</title>'],
    ['an empty file', ''],
  ])('refuses %s by its content', async (_, text) => {
    await expect(inspectImage(Buffer.from(text))).rejects.toMatchObject({ code: 'image-type-refused' })
  })

  it.each(['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const)('refuses a truncated %s', async (format) => {
    const whole = await sharp(await photograph())
      .toFormat(format)
      .toBuffer()
    for (const share of [0.02, 0.5, 0.9]) {
      const part = whole.subarray(0, Math.max(16, Math.floor(whole.length * share)))
      await expect(inspectImage(part)).rejects.toMatchObject({ code: 'image-unreadable' })
    }
  })

  it('refuses too many pixels from the header alone', async () => {
    await expect(inspectImage(pngHeader(20_000, 20_000))).rejects.toMatchObject({
      code: 'image-too-large',
      message: 'The picture is 20000 x 20000 (400.0 megapixels); scale it down to at most 64.0 megapixels.',
    })
    await expect(inspectImage(await photograph(), { maxPixels: 50_000 })).rejects.toMatchObject({
      code: 'image-too-large',
    })
  })

  it('refuses a header that promises more than the file holds', async () => {
    await expect(inspectImage(pngHeader(100, 100))).rejects.toMatchObject({ code: 'image-unreadable' })
  })

  it('refuses too many bytes before looking at them', async () => {
    await expect(inspectImage(Buffer.alloc(20_000_001))).rejects.toMatchObject({ code: 'image-too-many-bytes' })
  })

  it('gives up on time', async () => {
    const slow = await picture(7000, 7000, 'teal').jpeg({ progressive: true }).toBuffer()
    await expect(inspectImage(slow, { timeoutMilliseconds: 5 })).rejects.toMatchObject({ code: 'image-timeout' })
  })
})

describe('decodePixels', () => {
  it('lays transparency on white', async () => {
    const glass = await sharp({ create: { width: 4, height: 4, channels: 4, background: '#ff000000' } })
      .png()
      .toBuffer()
    expect(await colours(glass, 1, 1)).toEqual([255, 255, 255])
  })

  it('applies the orientation, and mirrors for the flipped view', async () => {
    const halves = picture(64, 32, 'black').composite([
      { input: await picture(32, 32, 'white').png().toBuffer(), left: 0, top: 0 },
    ])
    const turned = await sharp(await halves.png().toBuffer())
      .withMetadata({ orientation: 3 })
      .png()
      .toBuffer()
    const [plain = [], flipped = []] = await decodePixels(turned, asBytes(2, 1), ['plain', 'flipped'])
    expect(plain[0]).toBeLessThan(40)
    expect(plain[1]).toBeGreaterThan(215)
    expect([...flipped].slice(0, 2)).toEqual([plain[1], plain[0]])
  })

  const quarters = async (mirrored: boolean) => {
    const part = (colour: string) => picture(100, 100, colour).png().toBuffer()
    const whole = await picture(200, 200, 'black')
      .composite([
        { input: await part('#ff0000'), left: 0, top: 0 },
        { input: await part('#00ff00'), left: 100, top: 0 },
        { input: await part('#0000ff'), left: 0, top: 100 },
      ])
      .png()
      .toBuffer()
    return sharp(whole).flop(mirrored).png().toBuffer()
  }
  const corners = ['top_left', 'top_right_flipped', 'bottom_left_flipped', 'bottom_right'] as const

  it.each([{}, { resampling: 'pillow' as const }])(
    'shows four fifths of each edge in a corner, from nearer %j',
    async (how) => {
      const preprocessing = { ...asBytes(80, 40), ...how }
      const shown = await decodePixels(await quarters(false), preprocessing, corners)
      const plane = 80 * 40
      const at = (pixels: Float32Array, x: number, y: number) =>
        [0, 1, 2].map((channel) => Math.round((pixels[channel * plane + y * 80 + x] ?? 0) / 255))
      const [red, green, blue, black] = [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
        [0, 0, 0],
      ]
      // Of 100 x 50 pixels the middle lies at 50 and 25: 5/8 into a view that begins at its edge, 3/8 into one that ends there.
      const [topLeft, topRight, bottomLeft, bottomRight] = shown as [Float32Array, ...Float32Array[]]
      expect([at(topLeft, 47, 22), at(topLeft, 52, 22), at(topLeft, 47, 27)]).toEqual([red, green, blue])
      expect([at(topRight ?? topLeft, 47, 22), at(topRight ?? topLeft, 52, 22)]).toEqual([green, red])
      expect([at(bottomLeft ?? topLeft, 27, 17), at(bottomLeft ?? topLeft, 32, 17)]).toEqual([black, blue])
      expect([at(bottomLeft ?? topLeft, 27, 12)]).toEqual([green])
      expect([at(bottomRight ?? topLeft, 27, 12), at(bottomRight ?? topLeft, 32, 17)]).toEqual([red, black])
    },
  )

  it('sees the same corners of a picture and of its mirror image', async () => {
    const preprocessing = asBytes(80, 40)
    const shown = await decodePixels(await quarters(false), preprocessing, corners)
    const mirrored = await decodePixels(await quarters(true), preprocessing, corners)
    const [topLeft, topRight, bottomLeft, bottomRight] = shown
    expect(mirrored).toEqual([topRight, topLeft, bottomRight, bottomLeft])
  })

  it('brings greys, 16 bits and CMYK to sRGB', async () => {
    const grey = await picture(8, 8, '#808080').greyscale().png().toBuffer()
    const deep = await picture(8, 8, '#ff8000').toColourspace('rgb16').png().toBuffer()
    const ink = await picture(8, 8, '#ffffff').toColourspace('cmyk').jpeg().toBuffer()
    expect((await sharp(ink).metadata()).space).toBe('cmyk')
    expect(await colours(grey, 1, 1)).toEqual([128, 128, 128])
    expect(await colours(deep, 1, 1)).toEqual([255, 128, 0])
    for (const value of await colours(ink, 1, 1)) expect(value).toBeGreaterThan(250)
  })

  it('refuses a strip that would grow beyond all bounds', async () => {
    const strip = await picture(1, 30_000, 'red').png().toBuffer()
    const shorterEdge = parsePreprocessing(JSON.stringify({ size: { shortest_edge: 224 }, do_center_crop: true }))
    await expect(decodePixels(strip, shorterEdge, ['plain'])).rejects.toMatchObject({ code: 'image-too-large' })
  })

  it('crops the middle', async () => {
    const right = await picture(100, 40, 'lime').png().toBuffer()
    const wide = await picture(200, 40, 'red')
      .composite([{ input: right, left: 60, top: 0 }])
      .png()
      .toBuffer()
    const crop = parsePreprocessing(
      JSON.stringify({
        size: { shortest_edge: 4 },
        do_center_crop: true,
        crop_size: 4,
        do_rescale: false,
        do_normalize: false,
      }),
    )
    const [pixels = new Float32Array()] = await decodePixels(wide, crop, ['plain'])
    expect(pixels).toHaveLength(48)
    expect([...pixels.subarray(0, 16)].every((red) => red < 20)).toBe(true)
    expect([...pixels.subarray(16, 32)].every((green) => green > 235)).toBe(true)
  })
})
