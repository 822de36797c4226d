import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { textMarkup } from '../../../src/commands/demo/stroke-text.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

const script = resolve(import.meta.dirname, '../../fixtures/draw-without-fonts.ts')

type Drawing = { readonly dark: number; readonly pixels: string }

async function draw(environment: Readonly<Record<string, string>>): Promise<Drawing> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script], {
    env: { ...process.env, ...environment },
  })
  return JSON.parse(stdout) as Drawing
}

const drawn = (text: string, anchor: 'start' | 'middle' | 'end' = 'start'): string =>
  textMarkup(text, 100, 50, { size: 20, fill: '#000', weight: 400, anchor })

describe('the lettering of the picture', () => {
  it('needs no fonts, and is the same whichever there are', async () => {
    const configuration = join(await temporaryFolder(), 'fonts.conf')
    await writeFile(configuration, '<?xml version="1.0"?><fontconfig></fontconfig>')
    const without = await draw({ FONTCONFIG_FILE: configuration })
    expect(without.dark).toBeGreaterThan(1_000)
    expect(await draw({})).toEqual(without)
  })

  it('has every character of ASCII, quotation marks and accents of its own', () => {
    const ascii = String.fromCharCode(...Array.from({ length: 94 }, (_, index) => 33 + index))
    for (const character of Array.from(`${ascii}“”‘’–—…ÄÖÜäöüßéèêñçåøØĄč`)) {
      expect(drawn(character), character).toMatch(/^<g .*<path .*d="M/)
    }
  })

  it('leaves a line in another script to the fonts of the machine', () => {
    expect(drawn('検索')).toMatch(/^<text .*>検索<\/text>$/)
  })

  it('stands left of, about or right of its place', () => {
    const left = (markup: string): number => Number(/translate\(([-\d.]+)/.exec(markup)?.[1])
    const [start, middle, end] = (['start', 'middle', 'end'] as const).map((anchor) => left(drawn('star', anchor)))
    expect(start).toBe(100)
    expect((middle ?? 0) - (end ?? 0)).toBeCloseTo(100 - (middle ?? 0), 1)
    expect(end).toBeLessThan(80)
  })
})
