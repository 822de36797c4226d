import { describe, expect, it } from 'vitest'
import { createMetrics } from '../../src/telemetry/metrics.ts'

type Family = { help: string; type: string; samples: { name: string; labels: string; value: number }[] }

/** Reads Prometheus' text format (version 0.0.4), strictly: what is not of the format throws. */
function parseText(text: string): Map<string, Family> {
  const families = new Map<string, Family>()
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  let current = ''
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line) ?? []
    if (kind === 'HELP') {
      if (families.has(name)) throw new Error(`${name} comes twice`)
      families.set(name, { help: rest, type: '', samples: [] })
      current = name
    } else if (kind === 'TYPE') {
      if (name !== current) throw new Error(`the type of ${name} is not behind its help`)
      const family = families.get(name)
      if (family !== undefined) family.type = rest
    } else {
      const label = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\]|\\\\.)*"'
      const sample = new RegExp(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\\{(?:${label},?)*\\})? (\\S+)$`).exec(line)
      if (sample === null) throw new Error(`no sample: ${line}`)
      const [, full = '', labels = '', value = ''] = sample
      const family = families.get(current)
      const suffixes = family?.type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
      if (!suffixes.some((suffix) => full === current + suffix)) throw new Error(`${full} stands under ${current}`)
      family?.samples.push({ name: full, labels, value: Number(value.replace('Inf', 'Infinity')) })
    }
  }
  return families
}

async function exercised() {
  const metrics = createMetrics()
  metrics.pairsPublished.inc()
  metrics.recordsDead.inc({ topic: 'pairs', cause: 'wrong-id' })
  metrics.embeddingSeconds.observe({ kind: 'image' }, 0.02)
  metrics.searchSeconds.observe({ kind: 'text' }, 0.003)
  metrics.httpRequestSeconds.observe({ method: 'GET', route: '/v1/search', status: '200' }, 0.004)
  metrics.publishToSearchableSeconds.observe(0.4)
  metrics.logLagRecords.set({ group: 'embed-g1', topic: 'pairs' }, 12)
  metrics.championRecall.set({ k: '10' }, 0.57)
  metrics.serveRelease('m-1', 'g1')
  return { metrics, families: parseText(await metrics.text()) }
}

describe('the text that Prometheus scrapes', () => {
  it('is of its format, with a help and a type for every name', async () => {
    const { families, metrics } = await exercised()
    expect(metrics.contentType).toMatch(/^text\/plain; version=0\.0\.4/)
    for (const [name, { help, type, samples }] of families) {
      expect(help, name).not.toBe('')
      expect(['counter', 'gauge', 'histogram'], name).toContain(type)
      // Node's own event-loop figures are NaN until there is something to average.
      if (name.startsWith('pairstream_')) for (const { value } of samples) expect(value, name).not.toBeNaN()
    }
  })

  it('keeps the conventions on suffixes and units', async () => {
    const { families } = await exercised()
    const own = [...families].filter(([name]) => name.startsWith('pairstream_'))
    expect(own).toHaveLength(19)
    for (const [name, { type, help }] of own) {
      expect(name.endsWith('_total'), name).toBe(type === 'counter')
      if (type === 'histogram') expect(name).toMatch(/_seconds$/)
      expect(name).not.toMatch(/_(bucket|count|sum|milliseconds|ms|percent)$/)
      expect(help).toMatch(/^[A-Z].*\.$/)
    }
  })

  it('has what a process has: memory, processor time, event-loop lag', async () => {
    const { families } = await exercised()
    for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'nodejs_eventloop_lag_seconds']) {
      expect(families.has(name), name).toBe(true)
    }
    const without = parseText(await createMetrics({ processMetrics: false }).text())
    expect([...without.keys()].every((name) => name.startsWith('pairstream_'))).toBe(true)
  })

  it('has buckets that rise to infinity and end with the count', async () => {
    const { families } = await exercised()
    const { samples } = families.get('pairstream_publish_to_searchable_seconds') ?? { samples: [] }
    const buckets = samples.filter(({ name }) => name.endsWith('_bucket'))
    const counts = buckets.map(({ value }) => value)
    expect(counts).toEqual([...counts].sort((a, b) => a - b))
    expect(buckets.at(-1)).toMatchObject({ labels: '{le="+Inf"}', value: 1 })
    expect(samples.find(({ name }) => name.endsWith('_count'))?.value).toBe(1)
  })
})

it('starts at zero where the labels are closed', async () => {
  const families = parseText(await createMetrics({ processMetrics: false }).text())
  const retrainings = families.get('pairstream_retrainings_total')?.samples ?? []
  expect(retrainings).toHaveLength(25)
  expect(retrainings.every(({ value }) => value === 0)).toBe(true)
  const kinds = families.get('pairstream_search_seconds')?.samples.filter(({ name }) => name.endsWith('_count')) ?? []
  expect(kinds.map(({ labels }) => labels)).toEqual(['{kind="text"}', '{kind="image"}', '{kind="vector"}'])
  const embedded = families.get('pairstream_embedding_seconds')?.samples.filter(({ name }) => name.endsWith('_count'))
  expect(embedded?.map(({ labels }) => labels)).toEqual(['{kind="image"}', '{kind="caption"}'])
  const dead = families.get('pairstream_records_dead_total')?.samples ?? []
  expect(dead.every(({ value }) => value === 0)).toBe(true)
  expect(dead.map(({ labels }) => labels)).toEqual(
    expect.arrayContaining(['{topic="pairs",cause="wrong-id"}', '{topic="models.trained",cause="record-unreadable"}']),
  )
  expect(families.get('pairstream_pairs_published_total')?.samples).toMatchObject([{ value: 0 }])
})

it('names one release at a time', async () => {
  const metrics = createMetrics({ processMetrics: false })
  metrics.serveRelease('m-1', 'g1')
  metrics.serveRelease('m-2', 'g2')
  const samples = parseText(await metrics.text()).get('pairstream_release_info')?.samples
  expect(samples).toEqual([
    { name: 'pairstream_release_info', labels: '{model_version="m-2",generation="g2"}', value: 1 },
  ])
})

it('shares nothing between two registries', async () => {
  const one = createMetrics({ processMetrics: false })
  const other = createMetrics({ processMetrics: false })
  one.pairsIndexed.inc(5)
  expect(await other.text()).toContain('pairstream_pairs_indexed_total 0\n')
})
