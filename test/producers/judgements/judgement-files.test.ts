import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openJudgementFile } from '../../../src/producers/judgements/judgement-files.ts'
import type { ReadJudgement } from '../../../src/producers/judgements/judgement-source.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

async function read(name: string, content: string): Promise<ReadJudgement[]> {
  const path = join(await temporaryFolder(), name)
  await writeFile(path, content)
  const all: ReadJudgement[] = []
  for await (const one of (await openJudgementFile(path)).read()) all.push(one)
  return all
}

const NOON = Date.UTC(2024, 4, 1, 12)
const judgement = (query: string, document: string, relevance: number, createdAt = NOON) => ({ query, document, relevance, source: 'editors', createdAt }) // prettier-ignore
const record = (about: object) =>
  JSON.stringify({ query: 'a', document: 'b', relevance: 1, source: 'editors', created_at: '2024-05-01T12:00:00Z', ...about }) // prettier-ignore
const fault = (line: number, ...parts: string[]) => ({
  place: `line ${line}`,
  code: 'source-entry-invalid',
  detail: expect.stringMatching(parts.join('.*')) as string,
})

describe('judgements as JSON lines', () => {
  it('are read with every way of writing a relevance and a time', async () => {
    const times = ['2024-05-01T12:00:00Z', '2024-05-01 12:00:00', '2024-05-01T14:00:00.000+02:00', '2024-05-01T10:30:00-0130', '2024-05-01 14:00:00+02'] // prettier-ignore
    const relevances = [1, '1', true, 'true', 0, '0.0', false, 'False', 0.25, '0.25']
    const lines = [...times.map((created_at) => record({ created_at })), ...relevances.map((relevance) => record({ relevance }))] // prettier-ignore
    const all = await read('pairs.jsonl', [...lines, record({ created_at: '2024-05-01', query: ' A\tdog ', id: 7 })].join('\n')) // prettier-ignore
    expect(all.slice(0, -1).map((one) => 'judgement' in one && one.judgement)).toEqual([
      ...times.map(() => judgement('a', 'b', 1)),
      ...relevances.map((_, i) => judgement('a', 'b', i < 4 ? 1 : i < 8 ? 0 : 0.25)),
    ])
    expect(all.at(-1)).toEqual({ place: 'line 16', judgement: judgement('A dog', 'b', 1, Date.UTC(2024, 4, 1)) })
  })

  it('name line and field where they are wrong, and lose nothing else', async () => {
    const lines = [
      record({ relevance: 2 }),
      '{"query": ',
      record({ created_at: 'yesterday', source: ' ' }),
      '',
      record({ query: 3, created_at: '2024-13-01', relevance: '' }),
      record({ document: ' ' }),
      '[]',
      record({ document: 'the last' }),
    ]
    expect(await read('pairs.ndjson', lines.join('\r\n'))).toEqual([
      fault(1, 'relevance must be a number from 0'),
      fault(2, 'is no JSON object'),
      fault(3, 'source must', 'created_at must'),
      fault(5, 'query must be text', 'relevance', 'created_at'),
      fault(6, 'document cannot be used: The text is empty'),
      fault(7, 'is no JSON object'),
      { place: 'line 8', judgement: judgement('a', 'the last', 1) },
    ])
  })
})

describe('judgements as CSV', () => {
  it('are read by the names of their columns, with quotes and line breaks in fields', async () => {
    const lines = [
      'created_at,source,relevance,id,document,Query',
      '2024-05-01T12:00:00Z,editors,1,9,"a dog, ""red""\nand fast",a dog',
      '2024-05-01T12:00:00Z,editors,0,9,b,a',
    ]
    expect(await read('pairs.csv', `\uFEFF${lines.join('\n')}\n`)).toEqual([
      { place: 'line 2', judgement: judgement('a dog', 'a dog, "red" and fast', 1) },
      { place: 'line 4', judgement: judgement('a', 'b', 0) },
    ])
  })

  it('name line and field where they are wrong, and lose nothing else, a stray quote included', async () => {
    const lines = [
      'query,document,relevance,source,created_at',
      'a,b,maybe,editors,2024-05-01T12:00:00Z',
      'a,b,1,editors',
      'a,"b,1,editors,2024-05-01T12:00:00Z',
      ...Array.from({ length: 25 }, (_, i) => `a,b ${i},1,editors,2024-05-01T12:00:00Z`),
    ]
    const all = await read('pairs.csv', lines.join('\n'))
    expect(all.slice(0, 3)).toEqual([fault(2, 'relevance must'), fault(3, 'columns'), fault(4, 'columns')])
    const rest = Array.from({ length: 25 }, (_, i) => ({ place: `line ${5 + i}`, judgement: judgement('a', `b ${i}`, 1) })) // prettier-ignore
    expect(all.slice(3)).toEqual(rest)
  })

  it('are refused without their columns, as are files of another kind, and none', async () => {
    const columns = { code: 'source-unrecognised', message: expect.stringContaining('created_at') as string }
    await expect(read('pairs.csv', 'query,document,relevance,source\na,b,1,x')).rejects.toMatchObject(columns)
    await expect(read('pairs.txt', '')).rejects.toMatchObject({ code: 'source-unrecognised' })
    const missing = join(await temporaryFolder(), 'pairs.csv')
    await expect(openJudgementFile(missing)).rejects.toMatchObject({ code: 'source-not-found' })
  })
})
