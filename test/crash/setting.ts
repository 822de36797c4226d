import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { loadConfig, type Config } from '../../src/config.ts'
import { createRandom } from '../../src/core/random.ts'

const PICTURES = 40
const SIZE = 12

export const crashConfig = (folder: string): Config =>
  loadConfig({}, { DATA_DIR: join(folder, 'data'), PARTITIONS: 4, FIRST_TRAINING_PAIRS: 50, LOG_LEVEL: 'silent' })

export const picturesFolder = (folder: string): string => join(folder, 'pictures')

/** Small real pictures, no two alike. */
export async function makePictures(folder: string, seed: number): Promise<void> {
  const random = createRandom(seed)
  await mkdir(picturesFolder(folder), { recursive: true })
  for (let number = 0; number < PICTURES; number++) {
    const pixels = Buffer.from(Array.from({ length: SIZE * SIZE * 3 }, () => random.below(256)))
    const picture = await sharp(pixels, { raw: { width: SIZE, height: SIZE, channels: 3 } })
      .png()
      .toBuffer()
    await writeFile(join(picturesFolder(folder), `${number}.png`), picture)
  }
}
