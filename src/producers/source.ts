import { AppError, toAppError, type ErrorCode } from '../core/errors.ts'
import type { Split } from '../core/split.ts'

export type SourceFormat = 'folder' | 'flickr8k' | 'captions-file' | 'json-lines' | 'webdataset' | 'parquet' | 'scenes'

/** One picture with one caption (or none), not validated: that is the publisher's work. */
export type SourceEntry = {
  /**
   * The bytes of the picture, read when asked for. Entries of one picture share this function and lie next to one another. Throws
   * `source-entry-invalid` or `image-too-many-bytes`.
   */
  readonly image: () => Promise<Uint8Array>
  readonly imageName: string
  readonly caption: string | null
  readonly split: Split | null
  readonly subject: string | null
  readonly metadata: Readonly<Record<string, string>>
  /** For people: `flickr8k:1000268201_693b08cb0e.jpg`. */
  readonly source: string
  /** Where it stands in its file, for who has to mend it (`pairs.jsonl:12`); `source` where that says it. */
  readonly place?: string
}

/** An entry that cannot be read: where it is, and why. */
export type SourceFault = { readonly source: string; readonly code: ErrorCode; readonly detail: string }

/** Pairs from somewhere. `entries` yields what it cannot read as a fault and goes on, so one bad record stops nothing. */
export type Source = {
  readonly format: SourceFormat
  /** What it is, for people: `Flickr8k in photos/`. */
  readonly describe: string
  /** About how many entries there are; null where only reading all of it would tell. */
  readonly total: number | null
  entries(): AsyncIterable<SourceEntry | SourceFault>
}

export const isFault = (item: SourceEntry | SourceFault): item is SourceFault => 'code' in item

/** The failure of an entry as something to report. */
export function faultOf(source: string, error: unknown): SourceFault {
  const { code, message } = toAppError(error)
  return { source, code, detail: message }
}

/** The source with only the entries that `keep` takes; faults stay. */
export function selectEntries(
  source: Source,
  keep: (entry: SourceEntry) => boolean,
  describe = source.describe,
): Source {
  return {
    format: source.format,
    describe,
    total: null,
    async *entries() {
      for await (const item of source.entries()) if (isFault(item) || keep(item)) yield item
    },
  }
}

/** The entries that the source puts in `split`, and those that it puts in none, which are given it. */
export function withSplit(source: Source, split: Split): Source {
  return {
    format: source.format,
    describe: `${source.describe} (${split})`,
    total: null,
    async *entries() {
      for await (const item of source.entries()) {
        if (isFault(item) || item.split === split) yield item
        else if (item.split === null) yield { ...item, split }
      }
    },
  }
}

/** The source whose entries end with a fault, not a throw, where it can be read no further: a file that goes, a disk that fails. */
export function endingWithFault(source: Source): Source {
  return {
    ...source,
    async *entries() {
      try {
        yield* source.entries()
      } catch (error) {
        const reason =
          error instanceof AppError ? error.message : ((error as NodeJS.ErrnoException).code ?? 'unknown reason')
        const detail = `The source cannot be read further (${reason}); see to it and run again.`
        yield { source: source.describe, code: 'source-entry-invalid', detail }
      }
    },
  }
}
