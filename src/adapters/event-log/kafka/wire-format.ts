const MAGIC = 0
const HEADER_BYTES = 5

/** The framing of Confluent's serialisers: a zero byte, the id of the schema as four bytes (big endian), then Avro binary. */
export function frame(schemaId: number, avro: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(HEADER_BYTES + avro.length)
  framed.writeUInt8(MAGIC, 0)
  framed.writeUInt32BE(schemaId, 1)
  framed.set(avro, HEADER_BYTES)
  return framed
}

/** The parts of a framed value; null when the bytes are none. */
export function unframe(bytes: Buffer): { readonly schemaId: number; readonly avro: Uint8Array } | null {
  if (bytes.length < HEADER_BYTES || bytes.readUInt8(0) !== MAGIC) return null
  return { schemaId: bytes.readUInt32BE(1), avro: bytes.subarray(HEADER_BYTES) }
}
