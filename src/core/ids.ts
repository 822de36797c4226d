import { createHash, randomUUID } from 'node:crypto'
import { v5 as uuidV5, validate } from 'uuid'

/** The name space of everything this project derives by UUID version 5 (RFC 9562, section 5.5). */
const NAMESPACE = '0f6d1f0a-5c34-5c27-9d3f-6f2a55b2f5a1'

export const isUuid = (text: string): boolean => validate(text)

export const sha256Hex = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')

/** The image's id: the first 128 bits of the SHA-256 of its bytes as a UUID version 8 (RFC 9562, section 5.8). */
export function imageIdOf(bytes: Uint8Array): string {
  const digest = createHash('sha256').update(bytes).digest().subarray(0, 16)
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x80
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80
  const hex = digest.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/**
 * The pair's id: UUID version 5 in the name space of its image, over the JSON array of the normalised caption and, where
 * one is given, the data subject. A picture without a caption has the id of the array `[null]`.
 */
export function pairIdOf(imageId: string, caption: string | null, subject: string | null = null): string {
  return uuidV5(JSON.stringify(subject === null ? [caption] : [caption, subject]), imageId)
}

/** The id of a retraining request: a function of the request before it and of the reason (`first` has none before it). */
export function requestIdOf(previousRequestId: string | null, reason: string): string {
  return uuidV5(reason, previousRequestId ?? NAMESPACE)
}

/** The version of the model that a request yields, short enough to read aloud. */
export const modelVersionOf = (requestId: string): string => `m-${sha256Hex(requestId).slice(0, 10)}`

/** The id of a release record: a function of the record it follows and of what it says, so that repeating it changes nothing. */
export function releaseIdOf(follows: string | null, state: string, modelVersion: string): string {
  return uuidV5(JSON.stringify([state, modelVersion]), follows ?? NAMESPACE)
}

export const randomId = (): string => randomUUID()

/** The key of a pair's record: `imageId:pairId`. */
export const pairKey = (imageId: string, pairId: string): string => `${imageId}:${pairId}`

/** The ids in a pair's key, or null when it is none: ids are in lower case, or one pair could have two keys. */
export function parsePairKey(key: string): { imageId: string; pairId: string } | null {
  const [imageId, pairId, ...rest] = key.split(':')
  if (imageId === undefined || pairId === undefined || rest.length > 0) return null
  return validate(imageId) && validate(pairId) && key === key.toLowerCase() ? { imageId, pairId } : null
}
