import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { mergeSplits, type Split } from '../../core/split.ts'
import { countLines, linesOfFile, type Line } from '../lines.ts'
import { assertInside, createPictureReader, shorten } from '../picture-files.ts'
import { faultOf, type Source, type SourceFault } from '../source.ts'

export const FLICKR8K_CAPTIONS = 'Flickr8k.token.txt'

export const splitFiles: Readonly<Record<string, Split>> = {
  'Flickr_8k.trainImages.txt': 'train',
  'Flickr_8k.devImages.txt': 'validation',
  'Flickr_8k.testImages.txt': 'test',
}

const pictureFolders = ['Images', 'Flicker8k_Dataset', 'Flickr8k_Dataset', 'images']

/** The split of each picture that a list names; lists may be missing. A picture in two lists goes to validation. */
async function readSplits(
  folder: string,
  present: readonly string[],
): Promise<{ readonly splits: ReadonlyMap<string, Split>; readonly faults: readonly SourceFault[] }> {
  const splits = new Map<string, Split>()
  const faults: SourceFault[] = []
  for (const [file, split] of Object.entries(splitFiles)) {
    if (!present.includes(file)) continue
    for await (const line of linesOfFile(join(folder, file))) {
      if ('code' in line) {
        faults.push({ source: `flickr8k:${file}:${line.number}`, code: line.code, detail: line.detail })
        continue
      }
      const name = line.text.trim()
      if (name !== '') splits.set(name, mergeSplits(splits.get(name) ?? split, split))
    }
  }
  return { splits, faults }
}

type Caption = { readonly name: string; readonly caption: string }

function parseCaption(line: Line): Caption | SourceFault | null {
  const source = `flickr8k:${FLICKR8K_CAPTIONS}:${line.number}`
  if ('code' in line) return { source, code: line.code, detail: line.detail }
  if (line.text.trim() === '') return null
  const [, name, caption] = /^([^\t]+)#\d+\t([^]*)$/.exec(line.text) ?? []
  if (name === undefined || caption === undefined) {
    const detail = `Line ${line.number} is not NAME#K<TAB>caption: '${shorten(line.text)}'.`
    return { source, code: 'source-entry-invalid', detail }
  }
  try {
    assertInside(name)
    return { name, caption }
  } catch (error) {
    return faultOf(source, error)
  }
}

/** Flickr8k as it was released: captions in `Flickr8k.token.txt`, pictures in a folder beside it, splits from the three lists. */
export async function flickr8kSource(folder: string): Promise<Source> {
  const present = await readdir(folder)
  const pictures = join(folder, pictureFolders.find((name) => present.includes(name)) ?? '')
  const captions = join(folder, FLICKR8K_CAPTIONS)
  return {
    format: 'flickr8k',
    describe: `Flickr8k in ${basename(folder)}`,
    total: await countLines(captions),
    async *entries() {
      const { splits, faults } = await readSplits(folder, present)
      yield* faults
      const picture = createPictureReader(pictures)
      for await (const line of linesOfFile(captions)) {
        const parsed = parseCaption(line)
        if (parsed === null) continue
        if ('code' in parsed) {
          yield parsed
          continue
        }
        const { name, caption } = parsed
        yield {
          image: picture(name),
          imageName: name,
          caption,
          split: splits.get(name) ?? null,
          subject: null,
          metadata: {},
          source: `flickr8k:${name}`,
        }
      }
    },
  }
}
