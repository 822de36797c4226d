import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { linesOf, MAX_LINE_BYTES, type Line } from '../../src/producers/lines.ts'

async function read(chunks: readonly Uint8Array[]): Promise<Line[]> {
  const lines: Line[] = []
  for await (const line of linesOf(chunks)) lines.push(line)
  return lines
}

const textOf = (line: Line): string | null => ('text' in line ? line.text : null)

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  let start = 0
  for (const size of sizes) {
    chunks.push(bytes.subarray(start, start + size))
    start += size
  }
  return [...chunks, bytes.subarray(start)]
}

describe('linesOf', () => {
  it('gives the same lines however the bytes are cut', async () => {
    const line = fc.string({ unit: 'grapheme' }).filter((text) => !/[\r\n\uFEFF]/.test(text) && text.isWellFormed())
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1 }), fc.array(fc.nat(9)), async (texts, sizes) => {
        const lines = await read(cut(Buffer.from(`${texts.join('\n')}\n`), sizes))
        expect(lines.map(textOf)).toEqual(texts)
        expect(lines.map(({ number }) => number)).toEqual(texts.map((_, index) => index + 1))
      }),
    )
  })

  it('drops carriage returns and a byte order mark, and takes a last line without an end', async () => {
    expect((await read([Buffer.from('\uFEFFone\r\ntwo')])).map(textOf)).toEqual(['one', 'two'])
  })

  it('reports a line that is not UTF-8 and goes on', async () => {
    const lines = await read([Buffer.from([0x61, 0x0a, 0xff, 0xfe, 0x0a, 0x62])])
    expect(lines).toEqual([
      { number: 1, text: 'a' },
      expect.objectContaining({ number: 2, code: 'text-not-utf8' }),
      { number: 3, text: 'b' },
    ])
  })

  it('reports a line past the limit and goes on', async () => {
    const long = Buffer.alloc(MAX_LINE_BYTES + 1, 'x')
    const [first, second] = await read([long.subarray(0, 700_000), long.subarray(700_000), Buffer.from('\nnext\n')])
    expect(first).toMatchObject({ number: 1, code: 'source-entry-invalid' })
    expect(second).toEqual({ number: 2, text: 'next' })
    expect((await read([long.subarray(1)])).map(textOf)).toEqual(['x'.repeat(MAX_LINE_BYTES)])
  })
})
