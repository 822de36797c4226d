/** Reads the fields of Kafka's protocol (its guide, "Protocol Primitive Types") one after the other. */
export interface ByteReader {
  readonly position: number
  int8(): number
  int16(): number
  int32(): number
  /** Exact to 2^53. */
  int64(): number
  /** The zigzag encoding of 32 and of 64 bits alike. Exact to 2^52. */
  varint(): number
  /** A view of so many bytes; null for a negative number of them. */
  bytes(length: number): Buffer | null
  text(length: number): string
  moveTo(position: number): void
}

const tooShort = (): RangeError => new RangeError('they end too early')

/** From `position` up to `end` of the buffer; whatever would go past it throws a `RangeError`. */
export function createByteReader(buffer: Buffer, position = 0, end = buffer.length): ByteReader {
  let at = position

  /** Where the next `length` bytes begin. */
  const pass = (length: number): number => {
    const start = at
    if (length > end - start) throw tooShort()
    at += length
    return start
  }

  return {
    get position() {
      return at
    },
    int8: () => buffer.readInt8(pass(1)),
    int16: () => buffer.readInt16BE(pass(2)),
    int32: () => buffer.readInt32BE(pass(4)),
    int64: () => Number(buffer.readBigInt64BE(pass(8))),
    varint() {
      let value = 0
      for (let scale = 1; scale < 2 ** 64; scale *= 128) {
        if (at >= end) throw tooShort()
        const byte = buffer[at++] ?? 0
        value += (byte & 0x7f) * scale
        if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
      }
      throw new RangeError('a number in them has too many bytes')
    },
    bytes(length) {
      if (length < 0) return null
      const start = pass(length)
      return buffer.subarray(start, start + length)
    },
    text(length) {
      const start = pass(Math.max(length, 0))
      return buffer.toString('utf8', start, at)
    },
    moveTo(position) {
      if (position < at || position > end) throw tooShort()
      at = position
    },
  }
}
