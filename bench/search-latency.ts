/**
 * Recall and latency of the embedded index beside exact search, at the same setting and in the same run:
 *
 *     node --import tsx bench/search-latency.ts [--quick] [--data DIR] [--dataset DIR] [--backbone DIR] [--json] [--update]
 *
 * The points are the pictures' vectors of a data folder (`--data DIR`, e.g. the one of the demo on Flickr8k; else one is prepared)
 * and, as there are more points than pictures, vectors in between two of them. The queries are captions of validation pictures.
 * About four minutes beside the preparation; `--update` also draws `docs/images/recall-latency.svg`.
 */
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { defaultIndexSettings, type IndexSettings } from '../src/adapters/vector-index/settings.ts'
import { createEmbeddedIndex, type EmbeddedIndex } from '../src/adapters/vector-index/embedded.ts'
import { createRandom } from '../src/core/random.ts'
import type { IndexQuery } from '../src/ports/vector-index.ts'
import { openBenchServices, withFolder } from './support/bench-services.ts'
import { extendVectors } from './support/interpolate.ts'
import { progress } from './support/machine.ts'
import { readOptions } from './support/options.ts'
import { prepareData } from './support/prepared-data.ts'
import { realVectors } from './support/real-vectors.ts'
import { recallPlot, type Curve, type CurvePoint } from './support/recall-plot.ts'
import { present, type Table, type Target } from './support/report.ts'
import { alternate } from './support/rounds.ts'
import { buildIndex, joinSearches, recallOf, searchAll, usearchExact, type Searches } from './support/searched-index.ts'
import { latencyOf, median } from './support/statistics.ts'

const options = readOptions()
const { quick } = options
const PICTURES = quick ? 60 : 7_000
const QUERIES = quick ? 20 : 300
const few = quick ? 2_500 : 8_000
const many = quick ? 4_000 : 100_000
const depths = quick ? [16, 64, 512] : [16, 32, 64, 128, 256, 512, 1_024]
const connectivities = quick ? [8] : [8, 32]
const LIMIT = 10
const LEAST_RECALL = 0.98
const PLOT = resolve(import.meta.dirname, '../docs/images/recall-latency.svg')

const ROUNDS = 5
const WARM_UP = 5

const { depth, connectivity, expansionAdd } = defaultIndexSettings
const name = (count: number) => count.toLocaleString('en-GB')

const roundOf = (queries: readonly Float32Array[], round: number) =>
  queries.filter((_, query) => query % ROUNDS === round)
/** The queries in the order in which the rounds take them. */
const byRound = (queries: readonly Float32Array[]) =>
  Array.from({ length: ROUNDS }, (_, round) => roundOf(queries, round)).flat()

const kinds = [
  { what: 'first ten', page: { limit: LIMIT } },
  { what: 'tenth page of ten', page: { limit: LIMIT, offset: 90 } },
  { what: 'filter that lets 10 % through', page: { limit: LIMIT, filter: { metadata: { share: ['tenth'] } } } },
  { what: 'filter that lets 1 % through', page: { limit: LIMIT, filter: { metadata: { share: ['hundredth'] } } } },
]

/** Compares every kind of search with the exact one of the same page and filter, in alternating rounds. */
async function compare(index: EmbeddedIndex, vectors: readonly Float32Array[], queries: readonly Float32Array[]) {
  const searchRounds = async (page: Omit<IndexQuery, 'vector'>) => {
    await searchAll(index, queries.slice(0, WARM_UP), page)
    const { exact, graph } = await alternate(ROUNDS, {
      exact: (number) => searchAll(index, roundOf(queries, number), { ...page, exact: true }),
      graph: (number) => searchAll(index, roundOf(queries, number), page),
    })
    return { exact: joinSearches(exact), graph: joinSearches(graph) }
  }
  const results = []
  for (const { what, page } of kinds) results.push({ what, ...(await searchRounds(page)) })
  const row = (what: string, { found, milliseconds }: Searches, exact: Searches) => {
    const latency = latencyOf(milliseconds)
    const ratio = latencyOf(exact.milliseconds).median / latency.median
    return [what, recallOf(found, exact.found).toFixed(4), latency.median, latency.p99, ratio.toFixed(2)]
  }
  const [first] = results
  if (first === undefined) throw new Error('There is nothing to compare.')
  const peer = usearchExact(vectors, byRound(queries), LIMIT)
  return {
    rows: [
      row('first ten by usearch, exact, one thread (peer)', peer, first.exact),
      ...results.flatMap(({ what, exact, graph }) => [
        row(`${what}, exact (peer)`, exact, exact),
        row(what, graph, exact),
      ]),
    ],
    recall: recallOf(first.graph.found, first.exact.found),
  }
}

/**
 * The curve of an index over the candidates that a search asks the graph for, which is walked however few the points are; each depth
 * opens the files anew.
 */
async function curveOf(
  title: string,
  folder: string,
  settings: Partial<IndexSettings>,
  queries: readonly Float32Array[],
): Promise<Curve> {
  const points: CurvePoint[] = []
  let exact: Searches | null = null
  for (const candidates of depths) {
    const index = createEmbeddedIndex({
      folder,
      writable: true,
      settings: { ...settings, depth: candidates, scanBelow: 0 },
    })
    exact ??= await searchAll(index, queries, { limit: LIMIT, exact: true })
    await index.settled()
    await searchAll(index, queries.slice(0, WARM_UP), { limit: LIMIT })
    const { found, milliseconds } = await searchAll(index, queries, { limit: LIMIT })
    points.push({ depth: candidates, recall: recallOf(found, exact.found), milliseconds: median(milliseconds) })
    await index.close()
  }
  progress(`curve: ${title}`)
  return { name: title, points }
}

const curveTable = (curves: readonly Curve[]): Table => ({
  columns: ['recall@10 and median ms by candidates', ...depths.map(String)],
  rows: curves.map(({ name: title, points }) => [
    title,
    ...points.map(({ recall, milliseconds }) => `${recall.toFixed(3)}, ${milliseconds.toFixed(2)}`),
  ]),
})

await withFolder(async (folder) => {
  const { title, folder: data, backbone } = await prepareData(options, PICTURES, join(folder, 'data'))
  const { services, close } = await openBenchServices(data, { BACKBONE_DIR: backbone, THREADS: options.threads })
  const real = await realVectors(services, QUERIES).finally(close)
  const { dimension, pictures, queries } = real
  progress(`${pictures.length} real vectors of ${dimension} values, ${queries.length} queries`)
  const vectors = extendVectors(pictures, many, createRandom(options.seed))

  const tables: Table[] = []
  const targets: Target[] = []
  const curves: Curve[] = []
  for (const count of [few, many]) {
    const place = join(folder, `index-${count}`)
    const part = vectors.slice(0, count)
    const { index, milliseconds } = await buildIndex(place, part, {})
    progress(`${name(count)} points are indexed, in ${(milliseconds / 1_000).toFixed(1)} s`)
    const columns = [`${name(count)} points`, 'recall@10', 'median ms', 'p99 ms', 'times as quick as exact']
    const { rows, recall } = await compare(index, part, queries)
    tables.push({ columns, rows })
    targets.push({ what: `recall@10 at least ${LEAST_RECALL} at ${name(count)} points`, met: recall >= LEAST_RECALL })
    await index.close()
    progress(`${name(count)} points are searched`)
    curves.push(await curveOf(`${name(count)} points, connectivity ${connectivity}`, place, {}, queries))
  }
  for (const other of connectivities) {
    const place = join(folder, `connectivity-${other}`)
    const { index } = await buildIndex(place, vectors.slice(0, few), { connectivity: other })
    await index.close()
    curves.push(await curveOf(`${name(few)} points, connectivity ${other}`, place, { connectivity: other }, queries))
  }

  if (options.update && !quick)
    await writeFile(PLOT, recallPlot(curves, 'Recall and latency by the candidates that a search asks for'))
  await present(
    {
      name: 'search-latency',
      setting: [
        `Points: ${title}: ${name(Math.min(pictures.length, many))} real vectors of ${dimension} values (model ${real.modelVersion}), the others between two of them with noise of length 0.1.`,
        `Queries: ${queries.length} captions of validation pictures, one after another, in ${ROUNDS} alternating rounds of exact search and the graph. Setting: connectivity ${connectivity}, expansion_add ${expansionAdd}, ${depth} candidates.`,
      ],
      tables: [...tables, curveTable(curves)],
      targets,
    },
    options,
  )
})
