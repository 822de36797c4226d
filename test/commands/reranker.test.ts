import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openPlatform } from '../../src/bootstrap.ts'
import { loadConfig } from '../../src/config.ts'
import type { Judgement } from '../../src/core/events.ts'
import { createServices } from '../../src/roles/services.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { pairRecord } from '../fixtures/pair-events.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { writeTinySentenceEncoder } from '../models/pretrained/tiny-sentence-encoder.ts'
import { pagesOf, serveTable } from '../producers/judgements/table-server.ts'
import { tinyJudgements, tinyWords } from '../reranking/tiny-reranker.ts'
import { runHere } from './run-here.ts'

const recordOf = ({ createdAt, ...judgement }: Judgement) => ({ ...judgement, created_at: new Date(createdAt * 1_000).toISOString() }) // prettier-ignore

async function folders() {
  const environment = {
    DATA_DIR: join(await temporaryFolder(), 'data'),
    SENTENCE_ENCODER_DIR: await writeTinySentenceEncoder(tinyWords),
    LOG_LEVEL: 'silent',
    THREADS: '1',
  }
  const file = async (judgements: readonly Judgement[], ...more: string[]) => {
    const path = join(await temporaryFolder(), 'judgements.jsonl')
    await writeFile(path, [...judgements.map((one) => JSON.stringify(recordOf(one))), ...more].join('\n'))
    return path
  }
  return { environment, file, run: (...words: string[]) => runHere(words, environment) }
}

const answer = (stdout: string) => JSON.parse(stdout) as Record<string, unknown>

describe('pairstream judgements publish', () => {
  it('publishes a file and names what is wrong with it, and a table', async () => {
    const { run, file } = await folders()
    const path = await file(tinyJudgements(3), '{"query": "a"}')
    const published = await run('judgements', 'publish', path)
    expect(published.status).toBe(4)
    expect(published.stdout).toMatch(/accepted +\d+/)
    expect(published.stdout).toContain('line 25')
    expect(published.stdout).toContain('relevance must be a number')
    const { address } = await serveTable(pagesOf(tinyJudgements(2).map(recordOf)))
    const table = await run('judgements', 'publish', `${address}/judgements`, '--json')
    expect(table.status).toBe(0)
    expect(answer(table.stdout)).toMatchObject({ accepted: tinyJudgements(2).length, rejected: 0 })
  })

  it('takes back what a file names, and there is nothing to learn from', async () => {
    const { run, file } = await folders()
    const path = await file(tinyJudgements(3))
    await run('judgements', 'publish', path)
    expect((await run('judgements', 'withdraw', path)).status).toBe(0)
    expect((await run('reranker', 'train')).stderr).toContain('There are 0 usable judgements')
  })

  it('ends with an error where there is nothing to read, before it makes a data folder', async () => {
    const { run } = await folders()
    expect(await run('judgements', 'publish', 'missing.csv')).toMatchObject({ status: 2 })
    expect((await run('judgements', 'publish', 'missing.txt')).stderr).toContain('source-unrecognised')
    expect((await run('reranker', 'train')).stderr).toContain('Nothing was published')
  })
})

describe('pairstream reranker train', () => {
  it(
    'promotes one that is better, says so, and does not train again what it has answered',
    { timeout: 120_000 },
    async () => {
      const { run, file, environment } = await folders()
      await run('judgements', 'publish', await file(tinyJudgements(20)))
      expect((await run('reranker', 'train')).stdout).toContain('Rejected on')

      await run('judgements', 'publish', await file(tinyJudgements(200)))
      const trained = await run('reranker', 'train', '--json')
      expect(trained.stderr).not.toContain('error')
      const record = answer(trained.stdout)
      expect(record).toMatchObject({ champion: null, outcome: 'promoted', reason: expect.stringContaining('NDCG@10 +') as string }) // prettier-ignore
      expect(record['manifest']).toMatch(/^manifests\//)

      const again = await run('reranker', 'train')
      expect(again.stderr).toContain('Nothing was judged since')
      expect(again.stdout).toContain(String(record['modelVersion']))
      const listed = answer((await run('reranker', 'list', '--json')).stdout)
      expect(listed).toMatchObject({ used: record['modelVersion'], rerankers: [{ outcome: 'rejected' }, { outcome: 'promoted' }] }) // prettier-ignore

      // The same judgements, a few of them said otherwise: no better than the champion.
      const changed = tinyJudgements(1).map((one) => ({ ...one, relevance: 1 - one.relevance }))
      await run('judgements', 'publish', await file(changed))
      const challenger = answer((await run('reranker', 'train', '--json')).stdout)
      expect(challenger).toMatchObject({ champion: record['modelVersion'], outcome: 'rejected', manifest: null })

      // What searches use.
      const platform = await openPlatform(loadConfig(environment), 'own')
      await platform.log.append([pairRecord('picture 1', 'here dog now runs then'), pairRecord('picture 2', 'cat')])
      await platform.catalogue.caughtUp(platform.log)
      const services = await createServices(platform, createLogger({ level: 'silent' }), createMetrics({ processMetrics: false })) // prettier-ignore
      const page = { target: 'images', mode: 'text', limit: 5, offset: 0, filter: {} } as const
      const { hits, reranked } = await services.search.search({
        ...page,
        input: { kind: 'text', text: 'dog' },
        rerank: 5,
      })
      expect(reranked).toMatchObject({ hits: 1, modelVersion: record['modelVersion'], failure: null })
      expect(hits[0]?.rerankScore).toEqual(expect.any(Number))
      await services.closeServices()
      await platform.close()
    },
  )

  it('asks for a sentence encoder', async () => {
    const { run, environment, file } = await folders()
    await run('judgements', 'publish', await file(tinyJudgements(2)))
    const { status, stderr } = await runHere(['reranker', 'train'], { ...environment, SENTENCE_ENCODER_DIR: '' })
    expect(status).toBe(2)
    expect(stderr).toContain('SENTENCE_ENCODER_DIR')
  })
})
