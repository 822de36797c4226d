import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { inspectImage } from '../../src/models/decode-image.ts'
import { photograph, photographs } from '../fixtures/photographs.ts'
import { sharedPath } from '../fixtures/shared.ts'

const hashOf = async (bytes: Uint8Array): Promise<string> => (await inspectImage(bytes)).perceptualHash

/** The photograph that is in Flickr8k's training set twice, in two files; a picture and a careful copy where it is not at hand. */
async function twins(): Promise<readonly [Buffer, Buffer]> {
  const folder = sharedPath('flickr8k', 'Images')
  if (folder !== null) {
    const [first, second] = ['2851198725_37b6027625.jpg', '3050606344_af711c726c.jpg'] as const
    return [await readFile(join(folder, first)), await readFile(join(folder, second))]
  }
  const original = await photograph()
  return [original, await sharp(original).jpeg({ quality: 95, chromaSubsampling: '4:4:4' }).toBuffer()]
}

describe('perceptualHash', { timeout: 120_000 }, () => {
  it('is the same for the same pixels in another container', async () => {
    for (const picture of await photographs(8)) {
      expect(await hashOf(await sharp(picture).png().toBuffer())).toBe(await hashOf(picture))
    }
  })

  it.each([
    ['re-encoded', (bytes: Buffer) => sharp(bytes).jpeg({ quality: 60 }).toBuffer(), 0.7],
    ['halved', (bytes: Buffer) => sharp(bytes).resize(112, 112).jpeg({ quality: 85 }).toBuffer(), 0.7],
    ['doubled', (bytes: Buffer) => sharp(bytes).resize(448, 448).jpeg({ quality: 85 }).toBuffer(), 0.6],
    ['as WebP', (bytes: Buffer) => sharp(bytes).webp({ quality: 75 }).toBuffer(), 0.7],
  ])('is usually the same for a copy that was %s', async (_, change, least) => {
    const originals = await photographs(100)
    const same = await Promise.all(
      originals.map(async (bytes) => (await hashOf(bytes)) === (await hashOf(await change(bytes)))),
    )
    expect(same.filter(Boolean).length / same.length).toBeGreaterThan(least)
  })

  it('differs between different photographs', async () => {
    const hashes = await Promise.all((await photographs(400)).map(hashOf))
    expect(new Set(hashes).size).toBe(hashes.length)
  })

  it('pairs a photograph that is there twice, in two files', async () => {
    const [first, second] = await twins()
    expect(await hashOf(first)).toBe(await hashOf(second))
  })

  it('tells drawings on a plain ground apart that differ in place or colour alone', async () => {
    const draw = (x: number, colour: string) =>
      sharp({ create: { width: 224, height: 224, channels: 3, background: '#ffffff' } })
        .composite([
          {
            input: Buffer.from(
              `<svg width="224" height="224"><circle cx="${x}" cy="99" r="12" fill="${colour}"/></svg>`,
            ),
          },
        ])
        .png()
        .toBuffer()
    const drawings = await Promise.all([draw(60, 'red'), draw(66, 'red'), draw(60, 'green'), draw(66, 'green')])
    expect(new Set(await Promise.all(drawings.map(hashOf))).size).toBe(4)
  })

  it('is 18 hexadecimal digits', async () => {
    expect(await hashOf(await photograph())).toMatch(/^[0-9a-f]{18}$/)
  })
})
