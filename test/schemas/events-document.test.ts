import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createAvroCodec } from '../../src/adapters/event-log/avro-codec.ts'
import { frame } from '../../src/adapters/event-log/kafka/wire-format.ts'
import { topicSettings } from '../../src/adapters/event-log/topic-settings.ts'
import { normaliseCaption } from '../../src/core/caption.ts'
import { errorCodes, toAppError } from '../../src/core/errors.ts'
import { topics, type PairPublished } from '../../src/core/events.ts'
import { imageIdOf, pairIdOf } from '../../src/core/ids.ts'
import { murmur2, partitionOf } from '../../src/core/partition.ts'

type Vectors = {
  readonly images: readonly {
    readonly picture: string
    readonly imageId: string
    readonly murmur2: number
    readonly partitions: Readonly<Record<string, number>>
  }[]
  readonly captions: readonly {
    readonly caption: string
    readonly normalised?: string
    readonly cause?: string
  }[]
  readonly pairs: readonly {
    readonly imageId: string
    readonly caption: string | null
    readonly subject: string | null
    readonly pairId: string
  }[]
  readonly record: {
    readonly schemaId: number
    readonly value: Omit<PairPublished, 'picture'> & { readonly picture: string }
    readonly framed: string
  }
}

const root = resolve(import.meta.dirname, '../..')
const text = readFileSync(resolve(root, 'docs/events.md'), 'utf8')
const vectors = JSON.parse(/<!-- vectors -->\s+```json\n(.+?)\n```/s.exec(text)?.[1] ?? '') as Vectors
const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))

/** The first cells of the rows of the table whose head begins with `head`, without their backquotes. */
function firstCells(head: string): string[] {
  const [, table = ''] = new RegExp(`^\\| ${head} .*\\n\\|[ -|]+\\n((?:\\|.*\\n)+)`, 'm').exec(text) ?? []
  return table
    .split('\n')
    .filter((row) => row !== '')
    .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))
}

describe('the test vectors of docs/events.md', () => {
  it('give the ids and partitions of images', () => {
    expect(vectors.images.length).toBeGreaterThan(2)
    for (const { picture, imageId, murmur2: hash, partitions } of vectors.images) {
      expect(imageIdOf(bytesOf(picture))).toBe(imageId)
      expect(murmur2(imageId)).toBe(hash)
      for (const [count, partition] of Object.entries(partitions)) {
        expect(partitionOf(imageId, Number(count))).toBe(partition)
      }
    }
  })

  it('give the normalised form of captions, or why they are refused', () => {
    const outcomeOf = (caption: string): object => {
      try {
        return { caption, normalised: normaliseCaption(caption) }
      } catch (error) {
        return { caption, cause: toAppError(error).code }
      }
    }
    expect(vectors.captions.length).toBeGreaterThan(8)
    for (const vector of vectors.captions) expect(outcomeOf(vector.caption)).toEqual(vector)
  })

  it('give the ids of pairs', () => {
    expect(vectors.pairs.length).toBeGreaterThan(5)
    for (const { imageId, caption, subject, pairId } of vectors.pairs) {
      expect(pairIdOf(imageId, caption === null ? null : normaliseCaption(caption), subject)).toBe(pairId)
    }
  })

  it('give the bytes of a record', () => {
    const { schemaId, value, framed } = vectors.record
    const avro = createAvroCodec().encode('pairs', { ...value, picture: bytesOf(value.picture) })
    expect(frame(schemaId, avro).toString('hex')).toBe(framed)
  })
})

describe('the tables of docs/events.md', () => {
  it('have every topic', () => {
    expect(firstCells('topic').toSorted()).toEqual([...topics, '<topic>.dead'].sort())
    expect([...topicSettings.keys()].filter((topic) => topic.endsWith('.dead'))).toHaveLength(topics.length)
  })

  it('have every field of a pair, in the order of the schema', () => {
    const schema = JSON.parse(readFileSync(resolve(root, 'schemas/pairs.v1.avsc'), 'utf8')) as {
      fields: readonly { name: string }[]
    }
    expect(firstCells('field')).toEqual(schema.fields.map(({ name }) => name))
  })

  it('name only causes that there are', () => {
    const causes = firstCells('cause')
    expect(causes.length).toBeGreaterThan(10)
    for (const cause of causes) expect(Object.keys(errorCodes)).toContain(cause)
  })
})
