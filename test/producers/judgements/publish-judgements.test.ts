import { describe, expect, it } from 'vitest'
import { AppError } from '../../../src/core/errors.ts'
import type { Judgement } from '../../../src/core/events.ts'
import type { JudgementSource, ReadJudgement } from '../../../src/producers/judgements/judgement-source.ts'
import { publishJudgements } from '../../../src/producers/judgements/publish-judgements.ts'
import { readJudgements } from '../../../src/reranking/judgement-log.ts'
import { platform } from '../../consumers/consumer-harness.ts'

const judgement = (i: number, relevance = 1): Judgement => ({ query: `query ${i}`, document: 'b', relevance, source: 'editors', createdAt: i }) // prettier-ignore
const given = (all: readonly ReadJudgement[], atEnd: () => void = () => undefined): JudgementSource => ({
  describe: 'memory',
  async *read() {
    yield* all
    atEnd()
  },
})
const good = (one: Judgement): ReadJudgement => ({ place: 'line 1', judgement: one })
const bad: ReadJudgement = { place: 'line 2', code: 'source-entry-invalid', detail: 'relevance must be a number.' }

describe('publishing of judgements', () => {
  it('reports what cannot be read, and the last of the same texts counts', async () => {
    const { log } = await platform()
    const all = [...Array.from({ length: 1_200 }, (_, i) => good(judgement(i))), bad, good(judgement(7, 0.25))]
    const report = await publishJudgements(given(all), log)
    expect(report).toMatchObject({ accepted: 1_201, rejected: 1, interrupted: false })
    expect(report.rejections[0]?.examples).toEqual([
      { source: 'memory, line 2', detail: 'relevance must be a number.' },
    ])
    await publishJudgements(given([good(judgement(8, 0))]), log)
    const { judgements, unreadable } = await readJudgements(log)
    expect(unreadable).toBe(0)
    expect(judgements).toHaveLength(1_200)
    const relevanceOf = (i: number) => judgements.find(({ createdAt }) => createdAt === i)?.relevance
    expect([relevanceOf(6), relevanceOf(7), relevanceOf(8)]).toEqual([1, 0.25, 0])
  })

  it('takes judgements back by a tombstone', async () => {
    const { log } = await platform()
    await publishJudgements(given([good(judgement(1)), good(judgement(2))]), log)
    const report = await publishJudgements(given([good(judgement(1, 0.25)), good(judgement(3))]), log, {
      withdraw: true,
    })
    expect(report).toMatchObject({ accepted: 2, rejected: 0 })
    expect((await readJudgements(log)).judgements).toEqual([judgement(2)])
    // Where compaction has taken the end of a partition there is nothing to wait for.
    await log.maintain(Date.now() + 31 * 24 * 3_600_000)
    expect((await readJudgements(log)).judgements).toEqual([judgement(2)])
  })

  it('keeps what was read when the source fails, and stops with the signal', async () => {
    const { log } = await platform()
    const failing = given([good(judgement(1))], () => {
      throw new AppError('source-unavailable', 'away')
    })
    await expect(publishJudgements(failing, log)).rejects.toMatchObject({ code: 'source-unavailable' })
    expect((await readJudgements(log)).judgements).toEqual([judgement(1)])
    const stopped = await publishJudgements(given([good(judgement(2))]), log, { signal: AbortSignal.abort() })
    expect(stopped).toMatchObject({ accepted: 0, interrupted: true })
    await expect(readJudgements(log, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
  })
})
