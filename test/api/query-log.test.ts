import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createQueryLog } from '../../src/api/query-log.ts'
import type { SearchService } from '../../src/api/search-service.ts'
import type { SearchRequest, SearchResult } from '../../src/api/search-types.ts'
import { AppError } from '../../src/core/errors.ts'
import { namesOf } from '../../src/core/personal-data.ts'
import type { EventLog } from '../../src/ports/event-log.ts'
import { platform } from '../consumers/consumer-harness.ts'
import { tailRecords } from '../fixtures/log-consumers.ts'

const result: SearchResult = {
  hits: Array.from({ length: 12 }, (_, i) => ({
    score: 1 / (i + 1),
    relevance: null,
    duplicates: null,
    rerankScore: null,
    imageId: `image-${i}`,
    image: '',
    captions: [],
    pairId: null,
    caption: null,
    split: 'train',
    metadata: {},
    modelVersion: 'm-1',
    generation: 'g1',
  })),
  modelVersion: 'm-1',
  generation: 'g1',
  noMatch: null,
  relevanceThreshold: null,
  release: null,
  cached: false,
  stages: { encode: 0, search: 1, join: 0, rerank: 0, total: 2 },
  reranked: null,
  tookMs: 2,
}
const answering: SearchService = {
  search: async () => result,
  searchAll: async (requests) =>
    requests.map(({ mode }) => (mode === 'text' ? new AppError('no-model', 'none') : result)),
}
const byText = (text: string): SearchRequest => ({
  input: { kind: 'text', text },
  target: 'images',
  mode: 'vector',
  limit: 10,
  offset: 0,
  filter: {},
})

function over(log: Pick<EventLog, 'append'>) {
  const dropped: number[] = []
  const failures: unknown[] = []
  const queries = createQueryLog({
    log,
    names: namesOf(['Ada']),
    clock: () => 7,
    onDropped: (count) => dropped.push(count),
    onFailed: (error) => failures.push(error),
  })
  return { ...queries, search: queries.around(answering), dropped, failures }
}

describe('the log of queries', () => {
  it('keeps what was asked and found, without personal data, under the id of the answer', async () => {
    const { log } = await platform()
    const { search, close } = over(log)
    const answer = await search.search({ ...byText('Ada of ada@example.org'), principal: 'p-1', offset: 3 })
    expect(answer).toMatchObject(result)
    await search.search({ ...byText(''), input: { kind: 'image', imageId: randomUUID() } })
    await search.search({ ...byText(''), input: { kind: 'embedding', embedding: [0.25] } })
    await close()
    const records = await tailRecords(log, ['queries'], 3)
    const kept = records.find(({ key }) => key === answer.queryId)?.value
    expect(kept).toMatchObject({
      queryId: answer.queryId,
      input: 'text',
      text: '[name] of [email]',
      imageId: null,
      principal: 'p-1',
      modelVersion: 'm-1',
      generation: 'g1',
      offset: 3,
      askedAt: 7,
    })
    expect(kept?.hits).toEqual(
      result.hits.slice(0, 10).map(({ imageId, pairId, score }) => ({ imageId, pairId, score })),
    )
    expect(JSON.stringify(records)).not.toContain('ada@')
    expect(JSON.stringify(records)).not.toContain('0.25,')
  })

  it('keeps each of several searches that has an answer', async () => {
    const { log } = await platform()
    const { search, close } = over(log)
    const answers = await search.searchAll([byText('one'), { ...byText('two'), mode: 'text' }, byText('three')])
    await close()
    expect(answers[1]).toBeInstanceOf(AppError)
    const records = await tailRecords(log, ['queries'], 2)
    expect(records.map(({ value }) => value?.text).sort()).toEqual(['one', 'three'])
    expect(answers.flatMap((answer) => ('queryId' in answer ? answer.queryId : [])).sort()).toEqual(
      records.map(({ key }) => key).sort(),
    )
  })

  it('a search is answered while the log is away, and what cannot be kept is counted', async () => {
    const { search, close, dropped, failures } = over({
      append: () => Promise.reject(new AppError('log-unavailable', 'away')),
    })
    for (let i = 0; i < 3; i++) expect((await search.search(byText('a dog'))).hits).toHaveLength(12)
    await close()
    expect(dropped.reduce((sum, count) => sum + count, 0)).toBe(3)
    expect(failures.length).toBeGreaterThan(0)
  })

  it('a log that hangs makes no queue that grows without end', async () => {
    let release: () => void = () => undefined
    const hanging = new Promise<void>((resolve) => (release = resolve))
    const { search, dropped, close } = over({ append: () => hanging.then(() => []) })
    for (let i = 0; i < 20_300; i++) await search.search(byText('a dog'))
    expect(dropped.length).toBeGreaterThan(0)
    expect(dropped.length).toBeLessThan(300)
    release()
    await close()
  })

  it('a search that fails is not kept', async () => {
    const { log } = await platform()
    const { around, close } = over(log)
    const failing = around({ ...answering, search: () => Promise.reject(new AppError('no-model', 'none')) })
    await expect(failing.search(byText('a dog'))).rejects.toMatchObject({ code: 'no-model' })
    await close()
    expect([...(await log.endOffsets('queries')).values()].every((end) => end === 0)).toBe(true)
  })
})
