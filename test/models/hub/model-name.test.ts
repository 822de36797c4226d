import { describe, expect, it } from 'vitest'
import { retryAfter } from '../../../src/models/hub/refusal.ts'
import { parseModelName } from '../../../src/models/hub/model-name.ts'

describe('the name of a model', () => {
  it('has a revision, or that of the main branch', () => {
    expect(parseModelName('openai/clip-vit-base-patch32')).toEqual({
      repository: 'openai/clip-vit-base-patch32',
      revision: 'main',
    })
    expect(parseModelName('a/b.c_d@refs/pr/12')).toEqual({ repository: 'a/b.c_d', revision: 'refs/pr/12' })
  })

  it('may be one of open_clip', () => {
    const clip = 'Xenova/clip-vit-base-patch32'
    expect(parseModelName('ViT-B-32/openai')).toEqual({ repository: clip, revision: 'main' })
    expect(parseModelName('ViT-B-32/openai@v1')).toEqual({ repository: clip, revision: 'v1' })
    const large = 'Xenova/clip-vit-large-patch14-336'
    expect(parseModelName('ViT-L/14@336px')).toEqual({ repository: large, revision: 'main' })
    expect(parseModelName('ViT-L/14@336px@v1')).toEqual({ repository: large, revision: 'v1' })
  })

  it.each([
    ...[
      '',
      'name',
      'a/b/c',
      '/b',
      'a/',
      '../b',
      'a/..',
      'a/b..c',
      'a/.b',
      '-a/b',
      'a b/c',
      'a/b\n',
      'a/b%2e',
      'A/b--c',
    ],
    ...['a/b@', 'a/b@../c', 'a/b@a//b', 'a/b@/c', 'a/b@a b', 'a/b@c@d', `a/${'b'.repeat(97)}`],
  ])('is not %j', (text) => {
    expect(() => parseModelName(text)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(invalid-request|model-not-found)$/) as string }),
    )
  })
})

it('understands how long a hub wants to be left alone', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  expect(retryAfter('7', now)).toBe(7_000)
  expect(retryAfter('Thu, 01 Jan 2026 00:00:05 GMT', now)).toBe(5_000)
  expect(retryAfter('Thu, 01 Jan 2025 00:00:05 GMT', now)).toBe(0)
  expect(retryAfter('soon', now)).toBe(null)
  expect(retryAfter(null, now)).toBe(null)
})
