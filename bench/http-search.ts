/**
 * Text search over HTTP by five clients at once, idle and during a training, beside the same searches by direct call:
 *
 *     node --import tsx bench/http-search.ts [--quick] [--data DIR] [--dataset DIR] [--backbone DIR] [--json] [--update]
 *
 * The roles `api`, `embed` and `train` run in a process of their own over a copy of a data folder with a model; the clients are this
 * process, on the loopback interface. A client asks again as soon as it has its answer. About two minutes beside the preparation.
 */
import { join } from 'node:path'
import { withFolder } from './support/bench-services.ts'
import { closedLoops } from './support/closed-loops.ts'
import { createHttpCaller } from './support/http-caller.ts'
import { progress } from './support/machine.ts'
import { readOptions } from './support/options.ts'
import { prepareData } from './support/prepared-data.ts'
import { present } from './support/report.ts'
import { alternate } from './support/rounds.ts'
import { startServing } from './support/serving-client.ts'
import { latencyOf } from './support/statistics.ts'

const options = readOptions()
const { quick } = options
const PICTURES = quick ? 60 : 2_000
const CLIENTS = 5
const QUERIES = 500
const SLICE = quick ? 300 : 4_000
const ROUNDS = quick ? 2 : 4
/** Rounds during a training at most; it may end sooner. */
const TRAINING_ROUNDS = quick ? 2 : 10
const LONGEST_P99 = 500

await withFolder(async (folder) => {
  const { title, folder: data, backbone } = await prepareData(options, PICTURES, join(folder, 'data'))
  const { threads, seed } = options
  const settings = {
    THREADS: threads,
    TRAINING_SEED: seed,
    ...(backbone === undefined ? {} : { BACKBONE_DIR: backbone }),
  }
  const serving = await startServing({ folder: data, roles: ['api', 'embed', 'train'], settings, queries: QUERIES })
  const { address, queries, images, pairs } = serving.ready
  const http = createHttpCaller(address, CLIENTS)
  progress(`${images} pictures and ${pairs} pairs are served at ${address}`)

  const sides = {
    http: () =>
      closedLoops(queries, CLIENTS, SLICE, async (query) => {
        const { hits } = JSON.parse(await http.get(`/v1/search?limit=10&q=${encodeURIComponent(query)}`)) as {
          hits: unknown[]
        }
        if (hits.length !== 10) throw new Error(`A search gave ${hits.length} hits instead of 10.`)
      }),
    direct: async () => {
      serving.send({ type: 'search', queries, clients: CLIENTS, milliseconds: SLICE })
      return [...(await serving.next('searched')).milliseconds]
    },
  }

  try {
    await sides.http()
    const idle = await alternate(ROUNDS, sides, (round) => progress(`idle: round ${round + 1} of ${ROUNDS}`))

    serving.send({ type: 'train' })
    await serving.next('training')
    progress('a training is at work')
    const during: { http: number[]; direct: number[] } = { http: [], direct: [] }
    let rounds = 0
    while (rounds < TRAINING_ROUNDS) {
      const one = await alternate(1, rounds % 2 === 0 ? sides : { direct: sides.direct, http: sides.http })
      // What was measured while the training ended is left out.
      if (serving.has('trained') && rounds > 0) break
      during.http.push(...one.http.flat())
      during.direct.push(...one.direct.flat())
      rounds++
      progress(`during the training: round ${rounds}`)
    }
    const cut = serving.has('trained') ? 'until it had ended' : `for the first ${(2 * rounds * SLICE) / 1_000} s of it`

    const row = (name: string, milliseconds: readonly number[], peer: readonly number[], slices: number) => {
      const { count, median, p99, longest } = latencyOf(milliseconds)
      const perSecond = count / ((slices * SLICE) / 1_000)
      return [name, count, median, p99, longest, perSecond, (median / latencyOf(peer).median).toFixed(2)]
    }
    const [idleHttp, idleDirect] = [idle.http.flat(), idle.direct.flat()]
    await present(
      {
        name: 'http-search',
        setting: [
          `Served: ${title}: ${images.toLocaleString('en-GB')} pictures, ${pairs.toLocaleString('en-GB')} pairs. ${queries.length} captions of validation pictures as queries, the first ten pictures as answer.`,
          `${CLIENTS} clients without pauses, in slices of ${SLICE / 1_000} s that alternate; the training ran in its own process on ${threads} threads and was measured ${cut}.`,
        ],
        tables: [
          {
            columns: ['', 'searches', 'median ms', 'p99 ms', 'longest ms', 'searches/s', 'median beside direct calls'],
            rows: [
              row('direct calls, idle (peer)', idleDirect, idleDirect, ROUNDS),
              row('HTTP, idle', idleHttp, idleDirect, ROUNDS),
              row('direct calls, during a training (peer)', during.direct, during.direct, rounds),
              row('HTTP, during a training', during.http, during.direct, rounds),
            ],
          },
        ],
        targets: [
          {
            what: `99th percentile over HTTP during a training under ${LONGEST_P99} ms`,
            met: latencyOf(during.http).p99 < LONGEST_P99,
          },
        ],
      },
      options,
    )
  } finally {
    http.close()
    await serving.stop()
  }
})
