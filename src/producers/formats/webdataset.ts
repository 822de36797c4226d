import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { MAX_PICTURE_BYTES } from '../picture-files.ts'
import { faultOf, type Source, type SourceEntry, type SourceFault } from '../source.ts'
import { tarMembers } from './tar-members.ts'
import { entriesOfSample, pictureParts, textParts, type Sample } from './webdataset-sample.ts'

const MAX_TEXT_BYTES = 1_000_000

export const isTarName = (name: string): boolean => /\.(tar|tar\.gz|tgz)$/i.test(name)

/** A member's key and part: `a/b.c.jpg` is part `jpg` of `a/b.c`, by the last dot, so that names with dots stay apart. */
function splitName(name: string): { readonly key: string; readonly part: string } {
  const dot = name.lastIndexOf('.')
  if (dot <= name.lastIndexOf('/')) return { key: name, part: '' }
  return { key: name.slice(0, dot), part: name.slice(dot + 1).toLowerCase() }
}

function maxBytesOf(name: string): number | null {
  const { part } = splitName(name)
  if (pictureParts.includes(part)) return MAX_PICTURE_BYTES
  return textParts.includes(part) ? MAX_TEXT_BYTES : null
}

/** Yields the samples of one archive and its faults; holds one sample at a time. */
async function* samplesOf(path: string): AsyncIterable<Sample | SourceFault> {
  const shard = basename(path)
  let sample: Sample | null = null
  try {
    for await (const member of tarMembers(path, shard, maxBytesOf)) {
      if ('code' in member) {
        yield member
        continue
      }
      const { key, part } = splitName(member.name)
      if (sample !== null && sample.key !== key) {
        yield sample
        sample = null
      }
      sample ??= { shard, key, parts: new Map() }
      sample.parts.set(part, member.bytes)
    }
  } catch (error) {
    // What was read of the last sample may lack its captions: it is left for a run over the whole archive.
    yield faultOf(sample === null ? shard : `${shard}:${sample.key}`, error)
    return
  }
  if (sample !== null) yield sample
}

async function archivesAt(path: string): Promise<readonly string[]> {
  if (!(await stat(path)).isDirectory()) return [path]
  return (await readdir(path))
    .filter(isTarName)
    .sort()
    .map((name) => join(path, name))
}

/** A webdataset: tar archives in which the picture, `.txt` and `.json` of a sample share a key and lie next to one another. */
export function webdatasetSource(path: string): Source {
  return {
    format: 'webdataset',
    describe: `webdataset ${basename(path)}`,
    total: null,
    async *entries(): AsyncIterable<SourceEntry | SourceFault> {
      for (const archive of await archivesAt(path)) {
        for await (const item of samplesOf(archive)) {
          if ('code' in item) yield item
          else yield* entriesOfSample(item)
        }
      }
    },
  }
}
