/**
 * A training step beside PyTorch's, of the same model on the same batches:
 *
 *     node --import tsx bench/training.ts [--python COMMAND] [--threads N] [--quick] [--json] [--update]
 *
 * `--python` names a Python that has PyTorch and NumPy (default `python3`). Both sides begin with the same weights, and the run ends with
 * an error where their first losses differ. A step is all that a training does for a batch: inputs prepared and dropped out, loss,
 * gradients, clipping, AdamW, the table of words included. Some minutes.
 */
import { withFolder } from './support/bench-services.ts'
import { progress } from './support/machine.ts'
import { readOptions } from './support/options.ts'
import { openPyTorch } from './support/pytorch.ts'
import { present } from './support/report.ts'
import { peaksOf } from './support/resident-memory.ts'
import { alternate } from './support/rounds.ts'
import { median, ratioByRound, ratioCells } from './support/statistics.ts'
import { COMPARED, openTraining, towers, writeArrays, type Tower } from './support/training-sides.ts'

const options = readOptions()
const { python } = options
const rounds = options.quick ? 1 : 5
const steps = options.quick ? 3 : 15

/** How many times PyTorch's time a step may take. */
const bars: Readonly<Record<Tower, number>> = { bag: 2.5, gru: 1.5, lstm: 1.5, transformer: 1.5 }
const BATCH = 256
/** The largest difference between the first losses: what rounding makes of it in a few steps. */
const AGREEMENT = 2e-3

const rows: (string | number)[][] = []
const targets: { what: string; met: boolean }[] = []
for (const tower of towers) await compare(tower)
const peak = (await peaksOf(new Map([['this', process.pid]]))).get('this') ?? 0
targets.push({
  what: `under 2 GB of memory, all four one after another (${Math.round(peak / 1e6)} MB)`,
  met: peak < 2e9,
})
await present(
  {
    name: 'training',
    setting: [
      `Batches of ${BATCH} captions of 6 to 18 words out of 4,000, cut at 24, and 1,280 features; ${options.threads} threads on both sides; ${rounds} rounds of ${steps} steps, the sides in turn.`,
      'Bag of words: width 256. GRU and LSTM: width 256, 512 hidden. Transformer: width 256, two layers, four heads. Embeddings of 512.',
    ],
    tables: [{ columns: ['milliseconds a step', 'here', 'PyTorch (peer)', 'ratio', 'over the rounds'], rows }],
    targets,
  },
  options,
)

async function compare(tower: Tower): Promise<void> {
  await withFolder(async (folder) => {
    const training = await openTraining(tower, BATCH, options.threads)
    const peer = await openPyTorch(python, { ...(await writeArrays(training, folder)), threads: options.threads })
    try {
      const losses: number[] = []
      for (let step = 0; step < COMPARED; step++) losses.push(await training.step())
      for (const [step, loss] of losses.entries()) {
        const other = peer.losses[step] ?? Number.NaN
        if (Math.abs(loss - other) > AGREEMENT)
          throw new Error(`${tower}: loss ${loss} at step ${step}, PyTorch's is ${other}.`)
      }
      const measured = await alternate(
        rounds,
        {
          here: async () => {
            const milliseconds: number[] = []
            for (let step = 0; step < steps; step++) {
              const started = performance.now()
              await training.step()
              milliseconds.push(performance.now() - started)
            }
            return median(milliseconds)
          },
          peer: async () => median((await peer.run(steps)).map((seconds) => seconds * 1000)),
        },
        (round) => progress(`${tower}: round ${round + 1} of ${rounds}`),
      )
      const bar = bars[tower]
      const [ratio, spread] = ratioCells(measured.here, measured.peer)
      rows.push([tower, median(measured.here), median(measured.peer), ratio, spread])
      targets.push({
        what: `${tower}: at most ${bar} times PyTorch's step`,
        met: ratioByRound(measured.here, measured.peer).median <= bar,
      })
    } finally {
      await training.close()
      peer.close()
    }
  })
}
