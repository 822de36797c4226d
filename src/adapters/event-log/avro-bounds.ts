/** Avro's schema language, as far as the shape of the bytes goes: a name refers to a type that was defined before. */
export type AvroSchema =
  | string
  | {
      readonly type: 'record' | 'error'
      readonly name: string
      readonly namespace?: string
      readonly fields: readonly { readonly name: string; readonly type: AvroSchema }[]
    }
  | { readonly type: 'enum'; readonly name: string; readonly namespace?: string; readonly symbols: readonly string[] }
  | { readonly type: 'fixed'; readonly name: string; readonly namespace?: string; readonly size: number }
  | { readonly type: 'map'; readonly values: AvroSchema }
  | { readonly type: 'array'; readonly items: AvroSchema }
  | { readonly type: string; readonly logicalType?: string }
  | readonly AvroSchema[]

const MAX_VARINT_BYTES = 10
const LONGEST_FRACTIONS: Readonly<Record<string, number>> = { null: 0, boolean: 1, float: 4, double: 8 }

/**
 * Walks `bytes` as one value of `schema` and throws a RangeError when a length or a count promises more than there is. avsc
 * believes the count of a map and would go round for years on four damaged bytes. Encoding: Avro 1.11, "Binary Encoding".
 */
export function checkAvroBounds(schema: AvroSchema, bytes: Uint8Array): void {
  const named = new Map<string, AvroSchema>()
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
      if (count < 0) integer() // a negative count is followed by the size of the block
      // Items of no bytes at all are the only ones that could be more; nobody needs them, and a bomb is made of them.
      if (Math.abs(count) > bytes.length - position) throw new RangeError('a count passes the end of the record')
      for (let left = Math.abs(count); left > 0; left--) item()
    }
  }

  const remember = (schema: AvroSchema & { readonly name: string; readonly namespace?: string }): void => {
    named.set(schema.name, schema)
    if (schema.namespace !== undefined) named.set(`${schema.namespace}.${schema.name}`, schema)
  }

  const simple = (name: string): void => {
    const length = LONGEST_FRACTIONS[name]
    const definition = named.get(name)
    if (length !== undefined) advance(length)
    else if (name === 'string' || name === 'bytes') advance(integer())
    else if (name === 'int' || name === 'long') integer()
    else if (definition !== undefined) value(definition)
    else throw new RangeError('a type has no definition')
  }

  const value = (of: AvroSchema): void => {
    if (typeof of === 'string') simple(of)
    else if ('fields' in of) {
      remember(of)
      for (const field of of.fields) value(field.type)
    } else if ('symbols' in of) {
      remember(of)
      integer()
    } else if ('size' in of) {
      remember(of)
      advance(of.size)
    } else if ('values' in of && 'type' in of) {
      blocks(() => {
        value('string')
        value(of.values)
      })
    } else if ('items' in of) blocks(() => value(of.items))
    else if ('type' in of) value(of.type)
    else {
      const branch = of[integer()]
      if (branch === undefined) throw new RangeError('a union has no such branch')
      value(branch)
    }
  }

  value(schema)
}
