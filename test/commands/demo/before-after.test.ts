import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { drawBeforeAfter } from '../../../src/commands/demo/before-after.ts'
import { layOutSheet, SIDE } from '../../../src/commands/demo/sheet.ts'
import { photographs } from '../../fixtures/photographs.ts'
import { hitOf, plainPicture, queryOf } from './fixtures.ts'
import { pixelsOf } from './pixels.ts'

const labels = { before: 'model 1', after: 'model 2' }

describe('drawBeforeAfter', () => {
  it('is a PNG, 1,400 pixels wide, that grows with the queries and stops at three', async () => {
    const query = await queryOf('a small purple star', 'yn', 'yy')
    const queries = (count: number) => Array.from({ length: count }, () => query)
    const heights = [0, 1, 2, 3, 4].map((count) => layOutSheet(queries(count), labels).height)
    expect(heights).toEqual([...heights].sort((a, b) => a - b))
    expect(new Set(heights).size).toBe(4)
    expect(heights[4]).toBe(heights[3])
    for (const count of [0, 2]) {
      const { format, width, height } = await sharp(await drawBeforeAfter(queries(count))).metadata()
      expect({ format, width, height }).toEqual({ format: 'png', width: 1_400, height: heights[count] })
    }
  })

  it('puts a green frame and badge on what matches, a red badge on what does not, and none on the unknown', async () => {
    const queries = [await queryOf('a star', 'yn?', '')]
    const places = layOutSheet(queries, labels).pictures
    const pixels = await pixelsOf(await drawBeforeAfter(queries, labels))
    const look = (index: number): { frame: readonly number[]; badge: readonly number[] } => {
      const { left = 0, top = 0 } = places[index] ?? {}
      return { frame: pixels.at(left, top + SIDE / 2), badge: pixels.at(left + SIDE - 24 - 13, top + 24) }
    }
    const [matching, missing, unknown] = [look(0), look(1), look(2)]
    const [red = 0, green = 0] = matching.badge
    expect(green).toBeGreaterThan(red + 50)
    expect(matching.frame).toEqual(matching.badge)
    expect(missing.badge[0]).toBeGreaterThan((missing.badge[1] ?? 0) + 50)
    expect(missing.frame).not.toEqual(matching.frame)
    expect(unknown.badge).not.toEqual(matching.badge)
    expect(unknown.badge).not.toEqual(missing.badge)
  })

  it('shows the whole of a wide and of a high picture, on a quiet ground', async () => {
    const [wide, high] = [await plainPicture('#ff0000', 400, 100), await plainPicture('#ff0000', 30, 120)]
    const queries = [{ query: 'a banner', before: [hitOf(wide), hitOf(high)], after: [] }]
    const [first, second] = layOutSheet(queries, labels).pictures
    const pixels = await pixelsOf(await drawBeforeAfter(queries, labels))
    const within = (place: typeof first, across: number, down: number): readonly number[] =>
      pixels.at((place?.left ?? 0) + Math.round(SIDE * across), (place?.top ?? 0) + Math.round(SIDE * down))
    const isRed = ([red = 0, green = 0]: readonly number[]): boolean => red > 240 && green < 20
    expect([within(first, 0.5, 0.5), within(first, 0.05, 0.5), within(second, 0.5, 0.05)].map(isRed)).toEqual([
      true,
      true,
      true,
    ])
    expect([within(first, 0.5, 0.2), within(second, 0.2, 0.5)].map(isRed)).toEqual([false, false])
  })

  it('says so where nothing was found, and leaves the square of a damaged picture empty', async () => {
    const damaged = hitOf(Buffer.from('not a picture'), { captions: [] })
    const queries = [{ query: 'anything', before: [], after: [damaged] }]
    expect(layOutSheet(queries, labels).ground).toContain('nothing found')
    const { format } = await sharp(await drawBeforeAfter(queries)).metadata()
    expect(format).toBe('png')
  })

  it('shows five pictures a row at most', async () => {
    const { pictures } = layOutSheet([await queryOf('many', 'yyyyyyy', 'nnnnnn')], labels)
    expect(pictures).toHaveLength(10)
    expect(Math.max(...pictures.map(({ left }) => left + SIDE))).toBeLessThanOrEqual(1_400)
  })

  it('draws hostile captions, queries and labels as text', async () => {
    const evil = `</text><script>alert(1)</script> & "quoted" 'too' ]]> \u0000\u0008\uFFFE \uD800 &amp; <image href="x"/>`
    const picture = await plainPicture('#00ff00')
    const queries = [{ query: evil, before: [hitOf(picture, { captions: [evil] })], after: [] }]
    const { ground, marks } = layOutSheet(queries, { before: evil, after: evil })
    for (const markup of [ground, marks]) {
      expect(markup).not.toMatch(/<script|<image|&(?!amp;|lt;|gt;|quot;|#39;)/)
      expect(markup).not.toMatch(/[\p{Cc}\p{Cs}\uFFFE\uFFFF]/u)
    }
    expect(ground).toContain('&lt;/text&gt;&lt;script&gt;')
    await expect(drawBeforeAfter(queries, { before: evil, after: evil })).resolves.toBeInstanceOf(Uint8Array)
  })

  it('draws photographs', async () => {
    const hits = (await photographs(5)).map((photograph) => hitOf(photograph))
    const queries = [{ query: 'a dog running on the beach', before: hits, after: [...hits].reverse() }]
    const pixels = await pixelsOf(await drawBeforeAfter(queries))
    const shades = layOutSheet(queries, labels).pictures.map(({ left, top }) =>
      [40, 80, 120, 160].map((step) => pixels.at(left + step, top + step).join()).join(' '),
    )
    expect(new Set(shades.slice(0, 5)).size).toBe(5)
    expect(shades.slice(5)).toEqual(shades.slice(0, 5).reverse())
  })
})
