import { describe, expect, it } from 'vitest'
import { writeReport } from '../../../src/commands/demo/report.ts'
import { judgedDecisions, summarise } from '../../../src/commands/demo/report-summary.ts'
import {
  evidenceOf,
  firstModel,
  firstRelease,
  hitOf,
  plainPicture,
  promotion,
  rejection,
  retrainedModel,
  storyFixture,
} from './fixtures.ts'

const evil = `</title></svg><script>alert("1")</script><img src=x onerror='y'> & \u0000 &amp;`

describe('summarise', () => {
  it('says what serves, how much better it is, and what the gate said', async () => {
    const [serving, gate] = summarise(await storyFixture())
    expect(serving).toBe(
      'The model in service is model 2 (m-66f0a91c27), trained on 2,808 pairs; it finds the right picture within the first ten ' +
        'for 67.1 % of the validation captions, 18.9 percentage points more than model 1 (m-1a2b3c4d5e) did at first.',
    )
    expect(gate).toBe(
      'Of 2 comparisons the gate promoted 1 and rejected 1: the last promotion gains +0.1262 NDCG@10, and with 98.3 % confidence ' +
        'at least +0.1070; a rejection is the gate working as it should: a challenger that is not shown to be better does not ' +
        'replace a model that works.',
    )
  })

  it('keeps to the first model after a rejection, which is no failure', async () => {
    const [serving, gate] = summarise(await storyFixture({ decisions: [firstRelease, rejection] }))
    expect(serving).toContain('The model in service is model 1 (m-1a2b3c4d5e), trained on 1,572 pairs')
    expect(serving).not.toContain('more than')
    expect(gate).toMatch(/^Of 1 comparison the gate rejected 1: a rejection is the gate working as it should/)
  })

  it('names the model that serves again after a reversion', async () => {
    const reverted = { ...promotion, state: 'reverted', modelVersion: firstModel.modelVersion, evidence: null }
    const [serving] = summarise(await storyFixture({ decisions: [firstRelease, promotion, reverted] }))
    expect(serving).toContain('The model in service is model 1')
  })

  it('says plainly when it got worse, when nothing was compared, and when nothing serves', async () => {
    const worse = { ...retrainedModel, recall: { at1: 0.1, at5: 0.2, at10: 0.3, ndcg10: 0.2, medianRank: 30 } }
    expect(summarise(await storyFixture({ models: [firstModel, worse] }))[0]).toContain(
      '18.2 percentage points fewer than',
    )
    expect(summarise(await storyFixture({ decisions: [firstRelease] }))[1]).toContain('compared nothing')
    expect(summarise(await storyFixture({ decisions: [] }))).toEqual([
      'No model serves yet.',
      'The gate has decided nothing yet.',
    ])
  })

  it('does not decide for the gate what it left open', async () => {
    const open = { ...promotion, state: 'inconclusive' }
    expect(summarise(await storyFixture({ decisions: [firstRelease, open] }))[1]).toMatch(
      /could not yet decide 1: what is undecided/,
    )
  })
})

describe('judgedDecisions', () => {
  it('counts the records of building and of switching once, and every look', () => {
    const building = { ...promotion, state: 'building' }
    const secondLook = { ...promotion, evidence: evidenceOf(0.28, 0.1, { look: 2 }) }
    expect(judgedDecisions([firstRelease, building, promotion])).toEqual([promotion])
    expect(judgedDecisions([promotion, secondLook])).toEqual([promotion, secondLook])
  })
})

describe('writeReport', () => {
  it('shows every model, decision, query, stage, topic and line', async () => {
    const story = await storyFixture()
    const html = await writeReport(story)
    for (const { modelVersion } of story.models) expect(html).toContain(modelVersion)
    for (const { sentence } of story.decisions) expect(html).toContain(`<p>${sentence}</p>`)
    for (const { query } of story.queries) expect(html).toContain(`“${query}”`)
    for (const { name } of story.stages) expect(html).toContain(`>${name}</text>`)
    for (const { text } of story.lines) expect(html).toContain(`<td>${text}</td>`)
    expect(html.match(/class="state /g)).toHaveLength(3)
    expect(html.match(/class="deciding estimate"/g)).toHaveLength(2)
    expect(html.match(/<img /g)).toHaveLength(10 + 8 + 5)
    expect(html.match(/class="hit match"/g)).toHaveLength(5 + 3)
    expect(html).toContain('nothing found')
    expect(html).toContain('This is correct behaviour')
  })

  it('stands alone: no script, nothing loaded, every chart with words', async () => {
    const html = await writeReport(await storyFixture())
    expect(html).not.toMatch(/<script|<link|@import|url\(|https?:|\bon\w+=/i)
    for (const [, address] of html.matchAll(/(?:src|href)="([^"]*)"/g))
      expect(address).toMatch(/^data:image\/jpeg;base64,/)
    const charts = html.match(/<svg [^>]*role="img"[^>]*>/g) ?? []
    expect(charts).toHaveLength(6)
    for (const chart of charts) expect(chart).toMatch(/aria-label="[^"]{40,}"/)
    expect(html.match(/<figcaption><h3>[^<]+<\/h3><p>[^<]+<\/p>/g)).toHaveLength(6)
    expect(html).not.toMatch(/NaN|undefined|\[object/)
  })

  it('escapes whatever the story holds', async () => {
    const hit = hitOf(await plainPicture('#123456'), { captions: [evil], relevant: true })
    const evidence = evidenceOf(0.4, 0.1, { label: evil, guardrails: [{ name: evil, hurt: true, detail: evil }] })
    const model = { ...firstModel, label: evil, modelVersion: evil }
    const html = await writeReport(
      await storyFixture({
        title: evil,
        stages: [{ name: evil, startedAt: Date.UTC(2026, 2, 3, 9, 30), endedAt: Date.UTC(2026, 2, 3, 9, 31) }],
        lines: [{ at: Date.UTC(2026, 2, 3, 9, 30), topic: evil, text: evil }],
        models: [model],
        decisions: [{ at: 0, modelVersion: evil, state: evil, sentence: evil, evidence }],
        queries: [{ query: evil, before: [hit], after: [] }],
      }),
    )
    expect(html).not.toMatch(/<script|<img src=x|<\/title><\/svg>|&(?!amp;|lt;|gt;|quot;|#39;)/)
    expect(html).not.toContain('\u0000')
    expect(html).toContain('&lt;script&gt;alert(&quot;1&quot;)')
  })

  it('holds small pictures, and says so where one is damaged', async () => {
    const noise = await plainPicture('#808080', 2_000, 1_000)
    const queries = [{ query: 'q', before: [hitOf(noise), hitOf(Buffer.from('no picture'))], after: [] }]
    const html = await writeReport(await storyFixture({ queries }))
    const thumbnail = Buffer.from(/base64,([^"]+)"/.exec(html)?.[1] ?? '', 'base64')
    expect(thumbnail.subarray(0, 3)).toEqual(Buffer.of(0xff, 0xd8, 0xff))
    expect(thumbnail.length).toBeLessThan(20_000)
    expect(html).toContain('<span>no picture</span>')
  })

  it('is whole for a story in which nothing happened', async () => {
    const html = await writeReport(
      await storyFixture({ stages: [], lines: [], models: [], decisions: [], queries: [] }),
    )
    expect(html).toContain('No model serves yet.')
    expect(html).not.toMatch(/NaN|Infinity|undefined/)
  })
})
