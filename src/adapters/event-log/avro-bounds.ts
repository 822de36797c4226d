/** The part of Avro's schema language that the schemas of this project use. */
export type AvroSchema =
  | 'null'
  | 'boolean'
  | 'int'
  | 'long'
  | 'double'
  | 'string'
  | 'bytes'
  | { readonly type: 'record'; readonly fields: readonly { readonly name: string; readonly type: AvroSchema }[] }
  | { readonly type: 'map'; readonly values: AvroSchema }
  | { readonly type: 'int' | 'long'; readonly logicalType: string }
  | readonly AvroSchema[]

const MAX_VARINT_BYTES = 10

/**
 * Walks `bytes` as one value of `schema` and throws a RangeError when a length or a count promises more than there is. avsc
 * believes the count of a map and would go round for years on four damaged bytes. Encoding: Avro 1.11, "Binary Encoding".
 */
export function checkAvroBounds(schema: AvroSchema, bytes: Uint8Array): void {
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

  const entries = (values: AvroSchema): void => {
    for (let count = integer(); count !== 0; count = integer()) {
      if (count < 0) integer() // a negative count is followed by the size of the block
      for (let entry = Math.abs(count); entry > 0; entry--) {
        value('string')
        value(values)
      }
    }
  }

  const value = (of: AvroSchema): void => {
    if (typeof of === 'object' && 'type' in of) {
      if (of.type === 'record') for (const field of of.fields) value(field.type)
      else if (of.type === 'map') entries(of.values)
      else value(of.type)
      return
    }
    if (typeof of === 'object') {
      const branch = of[integer()]
      if (branch === undefined) throw new RangeError('a union has no such branch')
      value(branch)
      return
    }
    if (of === 'string' || of === 'bytes') advance(integer())
    else if (of === 'int' || of === 'long') integer()
    else if (of === 'double') advance(8)
    else if (of === 'boolean') advance(1)
  }

  value(schema)
}
