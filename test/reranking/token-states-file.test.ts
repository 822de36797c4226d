import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openTokenStates, writeTokenStates } from '../../src/reranking/token-states-file.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

const WIDTH = 3
/** A state for each letter of a text; counts its texts. */
function lettersEncoder(id = 'letters') {
  let read = 0
  return {
    id,
    width: WIDTH,
    read: () => read,
    async states(texts: readonly string[]) {
      read += texts.length
      return texts.map((text) => {
        const ids = Array.from(text, (letter) => letter.charCodeAt(0))
        return { ids, states: Float32Array.from(ids.flatMap((letter) => [letter, letter / 3, -1 / letter])) }
      })
    },
  }
}

describe('token states in a file', () => {
  it('come back at half precision, cut at the length and padded with zeros', async () => {
    const path = join(await temporaryFolder(), 'job', 'states.f16')
    const texts = ['dog', '', 'a', 'elephant', ...Array.from({ length: 600 }, (_, i) => `${i}`)]
    await writeTokenStates(path, texts, lettersEncoder(), { maxTokens: 4 })
    const file = await openTokenStates(path)
    onTestFinished(() => file.close())
    expect(file).toMatchObject({ width: WIDTH, maxTokens: 4, texts: texts.length })
    const [states, mask] = [new Float32Array(2 * 4 * WIDTH).fill(9), new Float32Array(2 * 4).fill(9)]
    for (const [text, content] of texts.entries()) {
      file.read(text, states, mask, 1)
      const letters = Array.from(content.slice(0, 4), (letter) => letter.charCodeAt(0))
      expect([...mask.subarray(4)]).toEqual([0, 1, 2, 3].map((place) => (place < letters.length ? 1 : 0)))
      const expected = [0, 1, 2, 3].flatMap((place) => {
        const letter = letters[place]
        return letter === undefined ? [0, 0, 0] : [letter, letter / 3, -1 / letter]
      })
      for (const [i, value] of expected.entries()) {
        expect(Math.abs((states[4 * WIDTH + i] ?? NaN) - value)).toBeLessThanOrEqual(Math.abs(value) / 2048)
      }
    }
    expect([...states.subarray(0, 4 * WIDTH), ...mask.subarray(0, 4)].every((value) => value === 9)).toBe(true)
  })

  it('are written once for the same encoder, texts and length', async () => {
    const path = join(await temporaryFolder(), 'states.f16')
    const encoder = lettersEncoder()
    const write = (texts: string[], maxTokens: number, by = encoder) => writeTokenStates(path, texts, by, { maxTokens })
    await write(['a', 'b'], 4)
    await write(['a', 'b'], 4)
    expect(encoder.read()).toBe(2)
    await write(['a', 'c'], 4)
    await write(['a', 'c'], 5)
    expect(encoder.read()).toBe(6)
    const other = lettersEncoder('other letters')
    await write(['a', 'c'], 5, other)
    expect(other.read()).toBe(2)
  })

  it('are refused where they are missing or not whole', async () => {
    const path = join(await temporaryFolder(), 'states.f16')
    await expect(openTokenStates(path)).rejects.toMatchObject({ code: 'training-failed' })
    const aborted = AbortSignal.abort(new Error('enough'))
    await expect(writeTokenStates(path, ['a'], lettersEncoder(), { maxTokens: 2, signal: aborted })).rejects.toThrow('enough') // prettier-ignore
    await expect(openTokenStates(path)).rejects.toMatchObject({ code: 'training-failed' })
    await writeTokenStates(path, ['dog', 'cat'], lettersEncoder(), { maxTokens: 4 })
    await writeFile(path, Buffer.alloc(2 * WIDTH * 3))
    const file = await openTokenStates(path)
    onTestFinished(() => file.close())
    const read = (text: number) => () => file.read(text, new Float32Array(12), new Float32Array(4), 0)
    expect(read(0)).not.toThrow()
    expect(read(1)).toThrow('no states of text 1')
    expect(read(2)).toThrow('no states of text 2')
  })
})
