import { existsSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openSentenceEncoder } from '../../src/models/pretrained/sentence-encoder.ts'
import type { FlickrImage } from './flickr8k-features.ts'

/** The embeddings of captions under the sentence encoder. */
export type FlickrSentences = {
  readonly width: number
  /** Of a caption of the image whose features are in `row`. */
  of(row: number, caption: number): Float32Array
}

const CHUNK = 1_000

/** Those of all captions of `images`, from the cache in `cacheFolder` or made now (a minute or two). */
export async function flickrSentences(
  shared: string,
  cacheFolder: string,
  images: readonly FlickrImage[],
): Promise<FlickrSentences> {
  const captions = images.flatMap((image) => image.captions)
  const first = new Map<number, number>()
  let count = 0
  for (const { row, captions: own } of images) {
    first.set(row, count)
    count += own.length
  }
  const target = join(cacheFolder, 'flickr8k-all-minilm-l6-v2.f32')
  if (!existsSync(target)) {
    const encoder = await openSentenceEncoder(join(shared, 'models/all-MiniLM-L6-v2'), { threads: 2 })
    const rows: Float32Array[] = []
    for (let from = 0; from < captions.length; from += CHUNK) {
      rows.push(...(await encoder.encode(captions.slice(from, from + CHUNK))))
      console.error(`embeddings of ${rows.length} of ${captions.length} captions`)
    }
    await encoder.close()
    await writeFile(`${target}.part`, Buffer.concat(rows.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength)))) // prettier-ignore
    await rename(`${target}.part`, target)
  }
  const bytes = await readFile(target)
  const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
  const width = all.length / captions.length
  return {
    width,
    of(row, caption) {
      const at = ((first.get(row) ?? 0) + caption) * width
      return all.subarray(at, at + width)
    },
  }
}
