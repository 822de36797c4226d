/**
 * Pictures a second through the embedding path, beside the same ONNX network run bare in a loop:
 *
 *     node --import tsx bench/embedding-throughput.ts [--quick] [--dataset DIR] [--backbone DIR] [--threads 2] [--json] [--update]
 *
 * Every side does the same passes of the network (both views of each picture), four a batch, with the same threads. No side finds a
 * picture's features in a cache. About two minutes.
 */
import { join } from 'node:path'
import { writeBuiltInBackbone } from '../src/models/built-in-backbone.ts'
import { decodePixels } from '../src/models/decode-image.ts'
import { openDualEncoder } from '../src/models/dual-encoder.ts'
import { bareDecode, openBareNetwork, VIEWS } from './support/bare-network.ts'
import { openBenchServices, withFolder } from './support/bench-services.ts'
import { createEmbedFromLog } from './support/embed-from-log.ts'
import { progress } from './support/machine.ts'
import { readOptions } from './support/options.ts'
import { benchSource, portionOf, readPictures, type BenchPicture } from './support/pictures.ts'
import { present } from './support/report.ts'
import { alternate, timed } from './support/rounds.ts'
import { median, ratioCells } from './support/statistics.ts'
import { writeUntrainedModel } from './support/untrained-model.ts'

const options = readOptions()
const { quick, threads } = options
const rounds = quick ? 2 : 4
const portion = quick ? 8 : 256
/** Passes a run of the network: what the product's lane takes at once. */
const BATCH = 4
/** Pictures a call of the encoder: what the embedding consumer takes at once. */
const CALL = 32

const bytesOf = ({ bytes }: BenchPicture) => ({ imageId: null, bytes: async () => bytes })

await withFolder(async (folder) => {
  const { title, source } = await benchSource(options, (rounds + 1) * portion)
  const pictures = await readPictures(source, 0, (rounds + 1) * portion)
  const portions = Array.from({ length: rounds }, (_, round) => pictures.slice(round * portion, (round + 1) * portion))
  const of = (round: number) => portions[round] ?? []
  progress(`${pictures.length} pictures are read; ${rounds} rounds of ${portion} pictures a side`)

  const backbone = options.backbone ?? join(folder, 'backbone')
  if (options.backbone === null) await writeBuiltInBackbone(backbone)
  const model = join(folder, 'model')
  await writeUntrainedModel(
    model,
    backbone,
    pictures.flatMap(({ captions }) => captions),
  )
  const network = await openBareNetwork(backbone, threads)
  const encoder = await openDualEncoder(model, { threads })
  const { services, close } = await openBenchServices(join(folder, 'data'), {
    BACKBONE_DIR: backbone,
    THREADS: threads,
  })
  const cached = await openDualEncoder(model, { threads, features: services.features })
  const embedFromLog = await createEmbedFromLog(services, cached)

  const decoded = async (batch: readonly BenchPicture[]) =>
    (await Promise.all(batch.map(({ bytes }) => decodePixels(bytes, network.preprocessing, VIEWS)))).flat()

  const sides = {
    bare: async (round: number) => {
      const pixels = await decoded(of(round))
      return timed(() => network.run(pixels, BATCH))
    },
    decodeAndBare: (round: number) =>
      timed(async () => {
        const batch = of(round)
        for (let at = 0; at < batch.length; at += BATCH / VIEWS.length) {
          const pixels: Float32Array[] = []
          for (const { bytes } of batch.slice(at, at + BATCH / VIEWS.length)) {
            pixels.push(...(await bareDecode(bytes, network.preprocessing)))
          }
          await network.run(pixels, BATCH)
        }
      }),
    encoder: (round: number) =>
      timed(async () => {
        const batch = of(round)
        for (let at = 0; at < batch.length; at += CALL)
          await encoder.encodeImages(batch.slice(at, at + CALL).map(bytesOf))
      }),
    fromLog: (round: number) => embedFromLog(portionOf(source, round * portion, (round + 1) * portion)),
  }

  try {
    const warmUp = pictures.slice(rounds * portion, rounds * portion + BATCH)
    await network.run(await decoded(warmUp), BATCH)
    await encoder.encodeImages(warmUp.map(bytesOf))
    await embedFromLog(portionOf(source, rounds * portion, rounds * portion + BATCH))
    const milliseconds = await alternate(rounds, sides, (round) => progress(`round ${round + 1} of ${rounds}`))

    const rate = (times: readonly number[]) => times.map((time) => (1_000 * portion) / time)
    const bare = rate(milliseconds.bare)
    const row = (name: string, times: readonly number[]) => {
      const rates = rate(times)
      return [name, median(rates), ...ratioCells(rates, bare)]
    }
    await present(
      {
        name: 'embedding-throughput',
        setting: [
          `Pictures: ${title}; ${rounds} rounds of ${portion}, two passes of the network each, ${BATCH} a batch, ${threads} threads.`,
          'Ratios are medians over the rounds of pictures a second beside the bare network in the same round.',
        ],
        tables: [
          {
            columns: ['', 'pictures/s', 'ratio', 'over the rounds'],
            rows: [
              row('the network bare, pixels in memory (peer)', milliseconds.bare),
              row('sharp, then the network bare, one picture after another (peer)', milliseconds.decodeAndBare),
              row('the encoder: checks, decoding, network, head', milliseconds.encoder),
              row('log to index: consumer, encoder, captions too, durable points', milliseconds.fromLog),
            ],
          },
        ],
        targets: [],
      },
      options,
    )
  } finally {
    await encoder.close()
    await cached.close()
    await network.close()
    await close()
  }
})
