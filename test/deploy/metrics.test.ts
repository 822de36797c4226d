import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { roles } from '../../src/config.ts'
import { retrainingReasons } from '../../src/core/events.ts'
import { createMetrics, retrainingOutcomes } from '../../src/telemetry/metrics.ts'
import { filesBelow, readText, readYaml } from './deployed-files.ts'

/** What others report: Prometheus itself, the kubelet, MinIO. */
const foreign = [
  'up',
  'kubelet_volume_stats_available_bytes',
  'kubelet_volume_stats_capacity_bytes',
  'minio_cluster_capacity_usable_free_bytes',
  'minio_cluster_capacity_usable_total_bytes',
]

/** The names of all series that a process can have, read off what it would be scraped for. */
async function ownSeries(): Promise<Set<string>> {
  const text = await createMetrics().text()
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
  return new Set(
    types.flatMap(([, name = '', type]) =>
      type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name],
    ),
  )
}

/** Names of series in a PromQL expression: words that are no functions, keywords, labels or strings. */
function seriesIn(expression: string): string[] {
  const bare = expression
    .replace(/"[^"]*"/g, '')
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(?:by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)/g, '')
    .replace(/\boffset\s+\d+\w/g, '')
  const keywords = new Set(['and', 'or', 'unless', 'bool'])
  return [...bare.matchAll(/(?<![\w.])[a-zA-Z_:][\w:]*(?!\s*\(|\w)/g)]
    .map(([name]) => name)
    .filter((name) => !keywords.has(name))
}

type Rule = {
  readonly alert: string
  readonly expr: string
  readonly labels: { severity: string }
  readonly annotations: object
}
const { groups } = readYaml('deploy/prometheus/rules.yml') as { groups: readonly { rules: readonly Rule[] }[] }
const rules = groups.flatMap((group) => group.rules)

type Panel = {
  readonly title: string
  readonly datasource?: { uid: string }
  readonly targets?: readonly { expr: string }[]
  readonly gridPos: { x: number; y: number; w: number; h: number }
}
const dashboard = JSON.parse(readText('deploy/grafana/dashboards/pairstream.json')) as { panels: readonly Panel[] }
const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
const scaler = readText('deploy/kubernetes/base/embed-autoscaler.yaml')

describe('what is asked of Prometheus', () => {
  it('is of metrics that there are', async () => {
    const known = new Set([...(await ownSeries()), ...foreign])
    const query = /query: (.+)/.exec(scaler)?.[1] ?? ''
    const asked = [...rules.map(({ expr }) => expr), ...expressions, query].map((expr) => ({
      expr,
      names: seriesIn(expr),
    }))
    expect(asked.length).toBeGreaterThan(30)
    for (const { expr, names } of asked) {
      expect(names.length, expr).toBeGreaterThan(0)
      for (const name of names) expect(known, expr).toContain(name)
    }
  })

  it('leaves no metric of Pairstream unseen', async () => {
    const seen = [...rules.map(({ expr }) => expr), ...expressions].flatMap(seriesIn).join(' ')
    const own = [...(await ownSeries())].filter((name) => name.startsWith('pairstream_'))
    const families = new Set(own.map((name) => name.replace(/_(bucket|sum|count)$/, '')))
    expect([...families].filter((name) => !seen.includes(name))).toEqual([])
  })

  it('names outcomes and roles that there are', () => {
    const all = rules.map(({ expr }) => expr).join('\n')
    for (const [, outcome] of all.matchAll(/outcome="([^"]+)"/g)) expect(retrainingOutcomes).toContain(outcome)
    for (const [, reason] of all.matchAll(/reason="([^"]+)"/g)) expect(retrainingReasons).toContain(reason)
    const named = [...all.matchAll(/role="([^"]+)"/g)].map(([, role]) => role)
    expect(new Set(named)).toEqual(new Set(roles))
  })
})

describe('deploy/prometheus', () => {
  it('scrapes every role', () => {
    const config = readYaml('deploy/prometheus/prometheus.yml') as {
      rule_files: string[]
      scrape_configs: { job_name: string; dns_sd_configs?: { names: string[]; port: number }[] }[]
    }
    const own = config.scrape_configs.find(({ job_name }) => job_name === 'pairstream')?.dns_sd_configs?.[0]
    expect(own).toMatchObject({ names: [...roles], port: 8080 })
    expect(config.rule_files).toEqual(['rules.yml'])
  })

  it('has alerts that say what they mean, what to do, and that are tested or plain', () => {
    for (const { alert, labels, annotations } of rules) {
      expect(['critical', 'warning', 'model'], alert).toContain(labels.severity)
      expect(Object.keys(annotations), alert).toEqual(['summary', 'action'])
    }
    const { tests } = parse(readText('deploy/prometheus/rules.test.yml')) as {
      tests: { alert_rule_test: { alertname: string }[] }[]
    }
    const tested = new Set(tests.flatMap(({ alert_rule_test }) => alert_rule_test.map(({ alertname }) => alertname)))
    for (const name of tested) expect(rules.map(({ alert }) => alert)).toContain(name)
    expect(tested.size).toBeGreaterThan(7)
  })
})

describe('deploy/grafana', () => {
  it('shows a dashboard whose panels do not overlap, over the one data source', () => {
    const { datasources } = readYaml('deploy/grafana/provisioning/datasources/prometheus.yml') as {
      datasources: { uid: string }[]
    }
    const cells = new Set<string>()
    for (const { title, gridPos, datasource } of dashboard.panels) {
      if (datasource !== undefined) expect(datasource.uid).toBe(datasources[0]?.uid)
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
          expect(cells.has(`${x} ${y}`), title).toBe(false)
          cells.add(`${x} ${y}`)
        }
      }
    }
  })

  it('is found where the service mounts it', () => {
    const { providers } = readYaml('deploy/grafana/provisioning/dashboards/pairstream.yml') as {
      providers: { options: { path: string } }[]
    }
    expect(readText('docker-compose.yml')).toContain(`./deploy/grafana/dashboards:${providers[0]?.options.path ?? '?'}`)
    expect(filesBelow('deploy/grafana')).toHaveLength(3)
  })
})
