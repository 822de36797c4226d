/** Kafka's 32-bit murmur2 over UTF-8 bytes, as an unsigned integer before masking (Apache Kafka, `Utils.murmur2`). */
export function murmur2(text: string): number {
  const data = Buffer.from(text, 'utf8')
  const multiplier = 0x5bd1e995
  let hash = 0x9747b28c ^ data.length
  const words = data.length >> 2
  for (let word = 0; word < words; word++) {
    let k = Math.imul(data.readInt32LE(word * 4), multiplier)
    k = Math.imul(k ^ (k >>> 24), multiplier)
    hash = Math.imul(hash, multiplier) ^ k
  }
  const tail = words * 4
  const rest = data.length & 3
  if (rest === 3) hash ^= data.readUInt8(tail + 2) << 16
  if (rest >= 2) hash ^= data.readUInt8(tail + 1) << 8
  if (rest >= 1) hash = Math.imul(hash ^ data.readUInt8(tail), multiplier)
  hash = Math.imul(hash ^ (hash >>> 13), multiplier)
  return (hash ^ (hash >>> 15)) >>> 0
}

/** The partition that every record of an image is in: murmur2(imageId), made positive as Kafka's clients do, mod n. */
export const partitionOf = (imageId: string, partitions: number): number => (murmur2(imageId) & 0x7fffffff) % partitions
