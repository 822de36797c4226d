import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readdirSync, readFileSync } from 'node:fs'
import { createAvroCodec } from '../../../src/adapters/event-log/avro-codec.ts'
import { AppError } from '../../../src/core/errors.ts'
import { topics, type ModelTrained, type PairPublished } from '../../../src/core/events.ts'
import { splits } from '../../../src/core/split.ts'
import { pairEvent } from '../../fixtures/pair-events.ts'

const codec = createAvroCodec()
const text = fc.string({ unit: 'grapheme' })
const optionalText = fc.option(text)
const time = fc.integer({ min: 0, max: 4_102_444_800_000 })
const name = text.filter((key) => key !== '__proto__')

const pair: fc.Arbitrary<PairPublished> = fc.record(
  {
    imageId: text,
    pairId: text,
    caption: optionalText,
    subject: optionalText,
    picture: fc.option(fc.uint8Array({ maxLength: 5_000 })),
    blobKey: optionalText,
    contentType: text,
    width: fc.nat(),
    height: fc.nat(),
    perceptualHash: optionalText,
    split: fc.option(fc.constantFrom(...splits)),
    source: text,
    metadata: fc.dictionary(name, text, { noNullPrototype: true }),
    publishedAt: time,
  },
  { noNullPrototype: true },
)

const model: fc.Arbitrary<ModelTrained> = fc.record(
  {
    modelVersion: text,
    parent: optionalText,
    requestId: text,
    outcome: text,
    detail: optionalText,
    manifest: optionalText,
    metrics: fc.dictionary(name, fc.double(), { noNullPrototype: true }),
    startedAt: time,
    trainedAt: time,
  },
  { noNullPrototype: true },
)

/** The code of the AppError that `body` throws; fails on any other outcome but a value. */
function codeOf(body: () => unknown): string | null {
  try {
    body()
    return null
  } catch (error) {
    if (error instanceof AppError) return error.code
    throw error
  }
}

describe('the Avro codec', () => {
  it('brings every pair back as it was', () => {
    fc.assert(
      fc.property(pair, (value) => {
        expect(codec.decode('pairs', 1, codec.encode('pairs', value))).toStrictEqual(value)
      }),
    )
  })

  it('brings every trained model back as it was', () => {
    fc.assert(
      fc.property(model, (value) => {
        expect(codec.decode('models.trained', 1, codec.encode('models.trained', value))).toStrictEqual(value)
      }),
    )
  })

  it('answers any damaged bytes with a value or a named error, at once', () => {
    const whole = codec.encode('pairs', pairEvent('one', 'a dog'))
    const damage = fc.array(fc.tuple(fc.nat({ max: whole.length - 1 }), fc.integer({ min: 0, max: 255 })), {
      maxLength: 8,
    })
    fc.assert(
      fc.property(damage, fc.nat({ max: whole.length }), (changes, length) => {
        const bytes = whole.slice()
        for (const [index, value] of changes) bytes[index] = value
        const code = codeOf(() => codec.decode('pairs', 1, bytes.subarray(0, length)))
        expect([null, 'record-unreadable', 'split-unknown']).toContain(code)
      }),
      { numRuns: 500 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect([null, 'record-unreadable', 'split-unknown']).toContain(codeOf(() => codec.decode('pairs', 1, bytes)))
      }),
    )
  })

  it('does not believe a map that promises more entries than there are bytes', () => {
    const value = pairEvent('one', null, { metadata: {} })
    const bytes = codec.encode('pairs', value)
    const emptyMap = bytes.length - 7 // the count 0, before six bytes of time
    expect(bytes[emptyMap]).toBe(0)
    const huge = Uint8Array.of(0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x07)
    const damaged = Uint8Array.of(...bytes.subarray(0, emptyMap), ...huge)
    expect(codeOf(() => codec.decode('pairs', 1, damaged))).toBe('record-unreadable')
  })

  it('refuses trailing bytes, and versions that it does not know', () => {
    const bytes = codec.encode('pairs', pairEvent('one', 'a dog'))
    expect(codeOf(() => codec.decode('pairs', 1, Uint8Array.of(...bytes, 0)))).toBe('record-unreadable')
    expect(codeOf(() => codec.decode('pairs', 99, bytes))).toBe('record-unreadable')
  })

  it('refuses a split that it does not know', () => {
    const bytes = codec.encode('pairs', { ...pairEvent('one', 'a dog'), split: 'holdout' as 'train' })
    expect(codeOf(() => codec.decode('pairs', 1, bytes))).toBe('split-unknown')
  })

  it('names the field that does not match', () => {
    const value = { ...pairEvent('one', 'a dog'), width: 'wide' as unknown as number }
    expect(() => codec.encode('pairs', value)).toThrow(/"width".*pairs/)
  })
})

describe('the schemas', () => {
  const folder = new URL('../../../schemas/', import.meta.url)
  const files = readdirSync(folder).filter((file) => file.endsWith('.avsc'))

  it('are there for every topic', () => {
    expect([...new Set(files.map((file) => file.replace(/\.v\d+\.avsc$/, '')))].sort()).toEqual([...topics].sort())
  })

  it.each(files)('%s explains every field and gives optional ones a default', (file) => {
    const schema = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as {
      namespace: string
      doc: string
      fields: { name: string; doc?: string; type: unknown; default?: unknown }[]
    }
    expect(schema).toMatchObject({ namespace: 'pairstream', doc: expect.stringMatching(/./) as string })
    for (const field of schema.fields) {
      expect(field.doc, field.name).toMatch(/\.$/)
      if (Array.isArray(field.type))
        expect(field, field.name).toMatchObject({ type: ['null', expect.anything()], default: null })
    }
  })
})
