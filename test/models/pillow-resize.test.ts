import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { decodePixels } from '../../src/models/decode-image.ts'
import { resizeAsPillow } from '../../src/models/pillow-resize.ts'
import { parsePreprocessing } from '../../src/models/preprocessing.ts'

const SIZE = { width: 5, height: 4 }
const picture = Uint8Array.from({ length: 60 }, (_, at) => {
  const [x, y, channel] = [Math.floor(at / 3) % 5, Math.floor(at / 15), at % 3]
  return x * 37 + y * 59 + channel * 83 + x * y * 11
})

/** All numbers are those of Pillow for the same picture. */
describe('resizing as Pillow does', () => {
  it.each([
    ['cubic', [51, 133, 150, 123, 157, 123, 171, 139, 91, 172, 83, 87, 152, 111, 151, 132, 122, 94]],
    ['linear', [62, 129, 144, 124, 154, 127, 166, 139, 91, 161, 88, 92, 149, 115, 145, 137, 121, 94]],
    ['lanczos3', [46, 138, 149, 124, 154, 120, 170, 140, 93, 179, 81, 83, 155, 111, 151, 131, 120, 97]],
  ] as const)('shrinks by a %s kernel', (kernel, bytes) => {
    expect([...resizeAsPillow(picture, SIZE, { width: 3, height: 2 }, kernel)]).toEqual(bytes)
  })

  it('enlarges, and cuts off what overshoots', () => {
    const larger = [...resizeAsPillow(picture, SIZE, { width: 7, height: 6 }, 'cubic')]
    expect(larger.slice(0, 21)).toEqual([0, 77, 159, 14, 97, 189, 43, 126, 235, 69, 152, 252, 94, 190, 70, 124, 225, 16, 143, 243, 53]) // prettier-ignore
    expect(larger.slice(-10)).toEqual([232, 105, 220, 75, 173, 136, 55, 212, 6, 123])
  })

  it('leaves a picture of the right size alone', () => {
    expect(resizeAsPillow(picture, SIZE, SIZE, 'cubic')).toEqual(picture)
  })

  it('is what a model gets that asks for it', async () => {
    const png = await sharp(picture, { raw: { ...SIZE, channels: 3 } })
      .png()
      .toBuffer()
    const config = { size: { width: 3, height: 2 }, resample: 3, do_rescale: false, do_normalize: false }
    const preprocessing = { ...parsePreprocessing(JSON.stringify(config)), resampling: 'pillow' } as const
    const [pixels = new Float32Array()] = await decodePixels(png, preprocessing, ['plain'])
    expect([...pixels.slice(0, 6)]).toEqual([51, 123, 171, 172, 152, 132])
  })
})
