import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { version } from 'uuid'
import { describe, expect, it } from 'vitest'
import {
  imageIdOf,
  isUuid,
  modelVersionOf,
  pairIdOf,
  pairKey,
  parsePairKey,
  releaseIdOf,
  requestIdOf,
} from '../../src/core/ids.ts'

const bytes = fc.uint8Array({ maxLength: 200 })
const caption = fc.string({ unit: 'grapheme' })
const optionalText = fc.option(caption)

describe('imageIdOf', () => {
  it('is a UUID version 8 that depends on the bytes alone', () => {
    fc.assert(
      fc.property(bytes, (picture) => {
        const id = imageIdOf(picture)
        expect(isUuid(id)).toBe(true)
        expect(version(id)).toBe(8)
        expect(imageIdOf(picture.slice())).toBe(id)
      }),
    )
  })

  it('holds the first bits of the SHA-256', () => {
    fc.assert(
      fc.property(bytes, (picture) => {
        const digest = createHash('sha256').update(picture).digest('hex')
        const id = imageIdOf(picture).replaceAll('-', '')
        expect(id.slice(0, 12)).toBe(digest.slice(0, 12))
        expect(id.slice(13, 16)).toBe(digest.slice(13, 16))
        expect(id.slice(17)).toBe(digest.slice(17, 32))
      }),
    )
  })

  it('is the same for ever', () => {
    expect(imageIdOf(new Uint8Array())).toBe('e3b0c442-98fc-8c14-9afb-f4c8996fb924')
  })
})

describe('pairIdOf', () => {
  const image = imageIdOf(Uint8Array.of(1))

  it('is a UUID version 5, the same for the same pair', () => {
    fc.assert(
      fc.property(optionalText, optionalText, (text, subject) => {
        const id = pairIdOf(image, text, subject)
        expect(version(id)).toBe(5)
        expect(pairIdOf(image, text, subject)).toBe(id)
      }),
    )
  })

  it('tells a picture without a caption from one with any caption', () => {
    fc.assert(
      fc.property(caption, (text) => {
        expect(pairIdOf(image, null)).not.toBe(pairIdOf(image, text))
      }),
    )
  })

  it('tells captions, subjects and images apart', () => {
    const pair = fc.tuple(bytes.map(imageIdOf), optionalText, optionalText)
    fc.assert(
      fc.property(pair, pair, (a, b) => {
        expect(pairIdOf(...a) === pairIdOf(...b)).toBe(JSON.stringify(a) === JSON.stringify(b))
      }),
    )
  })

  it('does not take a subject for a part of the caption', () => {
    expect(pairIdOf(image, 'a', 'b')).not.toBe(pairIdOf(image, 'a","b'))
  })
})

describe('the key of a pair', () => {
  it('holds both ids', () => {
    fc.assert(
      fc.property(bytes, optionalText, (picture, text) => {
        const imageId = imageIdOf(picture)
        const pairId = pairIdOf(imageId, text)
        expect(parsePairKey(pairKey(imageId, pairId))).toEqual({ imageId, pairId })
      }),
    )
  })

  it('is told from other text', () => {
    const id = imageIdOf(Uint8Array.of(1))
    for (const key of ['', ':', id, `${id}:`, `${id}:x`, `${id}:${id}:${id}`, `${id}:${id.toUpperCase()}`])
      expect(parsePairKey(key)).toBeNull()
    fc.assert(
      fc.property(fc.string(), (key) => {
        expect(parsePairKey(key)).toBeNull()
      }),
    )
  })
})

describe('the ids of a request, a model and a release', () => {
  it('are functions of what came before', () => {
    const first = requestIdOf(null, 'volume')
    expect(requestIdOf(null, 'volume')).toBe(first)
    const others = [requestIdOf(null, 'drift'), requestIdOf(first, 'volume'), requestIdOf(first, 'drift')]
    expect(new Set([first, ...others]).size).toBe(4)
    expect(modelVersionOf(first)).toMatch(/^m-[0-9a-f]{10}$/)
    expect(modelVersionOf(first)).not.toBe(modelVersionOf(others[0] ?? ''))

    const release = releaseIdOf(null, 'promoted', 'm-1')
    expect(releaseIdOf(null, 'promoted', 'm-1')).toBe(release)
    const later = [
      releaseIdOf(release, 'promoted', 'm-1'),
      releaseIdOf(null, 'reverted', 'm-1'),
      releaseIdOf(null, 'promoted', 'm-2'),
    ]
    expect(new Set([release, ...later]).size).toBe(4)
  })
})
