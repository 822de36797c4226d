import sharp from 'sharp'
import { isFault, type Source, type SourceEntry, type SourceFault } from '../../src/producers/source.ts'

/** A small JPEG of one colour; other colours are other pictures. */
export const pictureOf = (colour: string): Promise<Buffer> =>
  sharp({ create: { width: 24, height: 16, channels: 3, background: colour } })
    .jpeg()
    .toBuffer()

/** Everything a source yields, apart. */
export async function readAll(source: Source): Promise<{ entries: SourceEntry[]; faults: SourceFault[] }> {
  const entries: SourceEntry[] = []
  const faults: SourceFault[] = []
  for await (const item of source.entries()) {
    if (isFault(item)) faults.push(item)
    else entries.push(item)
  }
  return { entries, faults }
}
