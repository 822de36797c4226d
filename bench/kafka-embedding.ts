/**
 * Pictures a second from Kafka to searchable, with one and with two embedding processes, beside a bare loop that decodes the same
 * pictures and runs the same network:
 *
 *     node --import tsx bench/kafka-embedding.ts [--quick] [--dataset DIR] [--backbone DIR] [--threads 2] [--json] [--update]
 *
 * Runs the built program (`npm run build`) in the role `embed`; each side has the machine for itself in its turn. Starts Kafka and a schema
 * registry, and downloads them the first time. Every side does the same passes of the network (both views of each picture), four a batch. Two
 * processes have half the threads each. Qdrant takes the points where `QDRANT_URL` is set. About ten minutes.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { startSharedIndex } from '../test/servers/shared-index.ts'
import { writeBuiltInBackbone } from '../src/models/built-in-backbone.ts'
import { bareDecode, openBareNetwork, VIEWS } from './support/bare-network.ts'
import { withFolder } from './support/bench-services.ts'
import { createEmbeddingGroup, type EmbeddingGroup } from './support/embedding-group.ts'
import { startKafkaServers } from './support/kafka-servers.ts'
import { progress } from './support/machine.ts'
import { readOptions } from './support/options.ts'
import { benchSource, readPictures, type BenchPicture } from './support/pictures.ts'
import { present } from './support/report.ts'
import { alternate, timed } from './support/rounds.ts'
import { median, ratioByRound, ratioCells } from './support/statistics.ts'
import { writeUntrainedModel } from './support/untrained-model.ts'

const options = readOptions()
const { quick, threads } = options
const rounds = quick ? 2 : 7
const portion = quick ? 16 : 512
/** What each side does before its clock runs, in every round: the processes have just been started. */
const warmUp = quick ? 4 : 32
/** Passes a run of the network: what the product's lane takes at once. */
const BATCH = 4
const LEAST_RATIO = 0.85
const qdrant = process.env['QDRANT_URL'] ?? ''

await withFolder(async (folder) => {
  const { title, source } = await benchSource(options, rounds * (portion + warmUp))
  const pictures = await readPictures(source, 0, rounds * (portion + warmUp))
  /** Each round has pictures that no process has seen. */
  const of = (round: number) => {
    const own = pictures.slice(round * (portion + warmUp), (round + 1) * (portion + warmUp))
    return { first: own.slice(0, warmUp), measured: own.slice(warmUp) }
  }
  const backbone = options.backbone ?? join(folder, 'backbone')
  if (options.backbone === null) await writeBuiltInBackbone(backbone)
  const model = join(folder, 'model')
  await writeUntrainedModel(
    model,
    backbone,
    pictures.flatMap(({ captions }) => captions),
  )
  progress(`${pictures.length} pictures are read; ${rounds} rounds of ${portion} pictures a side`)

  const network = await openBareNetwork(backbone, threads)
  const stops: (() => Promise<void>)[] = [network.close]

  /** Decodes and runs two pictures at a time, one after another, as one would by hand. */
  const runBare = async (portionOfRound: readonly BenchPicture[]): Promise<void> => {
    for (let at = 0; at < portionOfRound.length; at += BATCH / VIEWS.length) {
      const batch = portionOfRound.slice(at, at + BATCH / VIEWS.length)
      const pixels = await Promise.all(batch.map(({ bytes }) => bareDecode(bytes, network.preprocessing)))
      await network.run(pixels.flat(), BATCH)
    }
  }
  const bare = async (round: number): Promise<number> => {
    const { first, measured } = of(round)
    await runBare(first)
    return timed(() => runBare(measured))
  }

  try {
    const servers = await startKafkaServers(folder)
    stops.push(servers.stop)
    const sharedIndex = await startSharedIndex()
    stops.push(() => sharedIndex.stop())
    // A Qdrant outlives the run: what it holds of another must not be taken for done.
    const run = randomUUID().slice(0, 8)
    const groupOf = async (processes: number): Promise<EmbeddingGroup> => {
      const group = await createEmbeddingGroup({
        name: `bench-${run}-${processes}`,
        processes,
        servers,
        folder,
        model,
        threads: Math.max(1, Math.floor(threads / processes)),
        indexUrl: sharedIndex.address,
      })
      stops.push(group.stop)
      return group
    }
    const groups = { one: await groupOf(1), two: await groupOf(2) }
    const embed = (group: EmbeddingGroup) => (round: number) => group.embed(of(round).first, of(round).measured)
    const sides = { bare, one: embed(groups.one), two: embed(groups.two) }
    const milliseconds = await alternate(rounds, sides, (round) => progress(`round ${round + 1} of ${rounds}`))

    const rate = (times: readonly number[]) => times.map((time) => (1_000 * portion) / time)
    const bareRate = rate(milliseconds.bare)
    const row = (name: string, times: readonly number[]) => [
      name,
      median(rate(times)),
      ...ratioCells(rate(times), bareRate),
    ]
    const index = qdrant === '' ? 'an index in the memory of the benchmark' : 'Qdrant'
    const captions = pictures.reduce((sum, picture) => sum + picture.captions.length, 0) / pictures.length
    await present(
      {
        name: 'kafka-embedding',
        setting: [
          `Pictures: ${title}, ${captions.toFixed(1)} captions each; ${rounds} rounds of ${portion}, two passes of the network a picture, ${BATCH} a batch.`,
          `${threads} threads for the bare loop and for one process, ${Math.max(1, Math.floor(threads / 2))} for each of two. Processes of the built program in the role embed, started for their turn; points go to ${index}, over HTTP; pictures are files; one broker, 12 partitions.`,
          'Searchable means that the points are stored and the group has committed past the records. Ratios are medians over the rounds of pictures a second beside the bare loop in the same round.',
        ],
        tables: [
          {
            columns: ['', 'pictures/s', 'ratio', 'over the rounds'],
            rows: [
              row('decoding and the network in a bare loop, broker idle (peer)', milliseconds.bare),
              row('Kafka to searchable, one embedding process', milliseconds.one),
              row('Kafka to searchable, two embedding processes', milliseconds.two),
            ],
          },
        ],
        targets: [
          {
            what: `one embedding process does at least ${LEAST_RATIO} of the bare loop`,
            met: ratioByRound(rate(milliseconds.one), bareRate).median >= LEAST_RATIO,
          },
        ],
      },
      options,
    )
  } finally {
    for (const stop of stops.toReversed()) await stop()
  }
})
