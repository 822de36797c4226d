/** Avro's schema language, as far as the shape of the bytes goes: a name refers to a type that was defined before. */
export type AvroSchema =
  | string
  | Named
  | { readonly type: 'map'; readonly values: AvroSchema }
  | { readonly type: 'array'; readonly items: AvroSchema }
  | { readonly type: string; readonly logicalType?: string }
  | readonly AvroSchema[]

type Named = { readonly name: string; readonly namespace?: string } & (
  | { readonly type: 'record'; readonly fields: readonly { readonly name: string; readonly type: AvroSchema }[] }
  | { readonly type: 'enum'; readonly symbols: readonly string[] }
  | { readonly type: 'fixed'; readonly size: number }
)

const MAX_VARINT_BYTES = 10
const FIXED_LENGTHS: Readonly<Record<string, number>> = { null: 0, boolean: 1, float: 4, double: 8 }

/**
 * Walks `bytes` as one value of `schema` and throws a RangeError when a length, a count or the size of a block says other than what
 * is there. avsc believes them, and would go round for years on four damaged bytes. Encoding: Avro 1.11, "Binary Encoding".
 */
export function checkAvroBounds(schema: AvroSchema, bytes: Uint8Array): void {
  const named = new Map<string, Named>()
  let position = 0

  const advance = (length: number): void => {
    if (length < 0 || length > bytes.length - position) throw new RangeError('a length passes the end of the record')
    position += length
  }

  /** A zigzag variable-length integer; exact up to 2^53, which is more than any length may be. */
  const integer = (): number => {
    let encoded = 0
    for (let index = 0; index < MAX_VARINT_BYTES; index++) {
      advance(1)
      const byte = bytes[position - 1] ?? 0
      encoded += (byte & 0x7f) * 2 ** (7 * index)
      if (byte < 0x80) return encoded % 2 === 0 ? encoded / 2 : -(encoded + 1) / 2
    }
    throw new RangeError('an integer has too many bytes')
  }

  const blocks = (item: () => void): void => {
    for (let count = integer(); count !== 0; count = integer()) {
      const size = count < 0 ? integer() : null // a negative count is followed by the size of the block
      const start = position
      if (Math.abs(count) > bytes.length - start) throw new RangeError('a count passes the end of the record')
      for (let left = Math.abs(count); left > 0; left--) item()
      // Items of no bytes at all could be there in any number, block after block; nobody needs them, and a bomb is made of them.
      if (position === start) throw new RangeError('a block has items of no bytes')
      // A reader that leaves the field out goes on at what the block calls its end, which may lie before its beginning.
      if (size !== null && size !== position - start)
        throw new RangeError('the size of a block is not that of its items')
    }
  }

  /** Names without dots are in the name space that encloses them (Avro 1.11, "Names"). */
  const fullName = (name: string, space: string): string =>
    name.includes('.') || space === '' ? name : `${space}.${name}`

  /** Remembers a definition; gives the name space of what is in it. */
  const define = (type: Named, space: string): string => {
    const full = fullName(type.name, type.namespace ?? space)
    named.set(full, type)
    return full.slice(0, Math.max(full.lastIndexOf('.'), 0))
  }

  const simple = (name: string, space: string): void => {
    const length = FIXED_LENGTHS[name]
    const definition = named.get(fullName(name, space))
    if (length !== undefined) advance(length)
    else if (name === 'string' || name === 'bytes') advance(integer())
    else if (name === 'int' || name === 'long') integer()
    else if (definition !== undefined) value(definition, space)
    else throw new RangeError('a type has no definition')
  }

  const value = (of: AvroSchema, space: string): void => {
    if (typeof of === 'string') simple(of, space)
    else if ('fields' in of) {
      const inner = define(of, space)
      for (const field of of.fields) value(field.type, inner)
    } else if ('symbols' in of) {
      define(of, space)
      integer()
    } else if ('size' in of) {
      define(of, space)
      advance(of.size)
    } else if ('values' in of && 'type' in of) {
      blocks(() => {
        value('string', space)
        value(of.values, space)
      })
    } else if ('items' in of) blocks(() => value(of.items, space))
    else if ('type' in of) value(of.type, space)
    else {
      const branch = of[integer()]
      if (branch === undefined) throw new RangeError('a union has no such branch')
      value(branch, space)
    }
  }

  value(schema, '')
}
