import * as fc from 'fast-check'
import avsc from 'avsc'
import { describe, expect, it } from 'vitest'
import { checkAvroBounds, type AvroSchema } from '../../../src/adapters/event-log/avro-bounds.ts'

/** Whatever a newer version of a schema may use. */
const schema: AvroSchema = {
  type: 'record',
  name: 'Everything',
  namespace: 'test',
  fields: [
    { name: 'mood', type: { type: 'enum', name: 'Mood', symbols: ['calm', 'merry'] } },
    { name: 'moods', type: { type: 'array', items: 'Mood' } },
    { name: 'digest', type: { type: 'fixed', name: 'Digest', size: 4 } },
    { name: 'next', type: ['null', 'test.Digest'] },
    { name: 'weights', type: { type: 'map', values: 'float' } },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'flag', type: 'boolean' },
    { name: 'ratio', type: 'double' },
    { name: 'note', type: ['null', 'string'] },
  ],
}
const type = avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: 'never' })

/** avsc takes no long beyond it: one less than JavaScript's largest safe integer. */
const LARGEST_LONG = Number.MAX_SAFE_INTEGER - 1

const bytesOf = fc
  .record({
    mood: fc.constantFrom('calm', 'merry'),
    moods: fc.array(fc.constantFrom('calm', 'merry')),
    digest: fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
    next: fc.option(fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes))),
    weights: fc.dictionary(
      fc.string().filter((name) => name !== '__proto__'),
      fc.float(),
    ),
    at: fc.nat({ max: LARGEST_LONG }),
    flag: fc.boolean(),
    ratio: fc.double(),
    note: fc.option(fc.string()),
  })
  .map((value) => type.toBuffer(value))

/** An Avro long: zigzag, variable length. */
const long = (value: number): Buffer => avsc.Type.forSchema('long').toBuffer(value)

describe('the bounds of Avro values', () => {
  it('let every value of every kind of type pass', () => {
    fc.assert(fc.property(bytesOf, (bytes) => checkAvroBounds(schema, bytes)))
  })

  it('find every record that is cut short', () => {
    fc.assert(
      fc.property(bytesOf, fc.nat(), (bytes, length) => {
        const short = bytes.subarray(0, length % bytes.length)
        expect(() => checkAvroBounds(schema, short)).toThrow(RangeError)
      }),
    )
  })

  it('do not go round for years on a count of things that take no room', () => {
    const bomb = Buffer.of(0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f)
    expect(() => checkAvroBounds({ type: 'array', items: 'null' }, bomb)).toThrow(RangeError)
    // Small counts, and so many of them that each may claim again the bytes of all that follow.
    const blocks = Buffer.concat([...Array<Buffer>(20_000).fill(Buffer.of(0x80, 0x01)), Buffer.of(0)])
    expect(() => checkAvroBounds({ type: 'array', items: 'null' }, blocks)).toThrow(RangeError)
  })

  it('let a block that says its size pass, and refuse a size that is not that of its items', () => {
    const numbers: AvroSchema = { type: 'array', items: 'int' }
    const block = (size: number): Buffer => Buffer.of(...long(-2), ...long(size), 2, 4, 0)
    expect(() => checkAvroBounds(numbers, block(2))).not.toThrow()
    for (const size of [-2, -1, 0, 1, 3, 2 ** 40]) {
      expect(() => checkAvroBounds(numbers, block(size))).toThrow(RangeError)
    }
  })

  it('refuse a type that nobody has defined', () => {
    expect(() => checkAvroBounds('Unheard', Buffer.of(0))).toThrow(RangeError)
  })
})
