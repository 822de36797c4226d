import cliProgress from 'cli-progress'
import type { MultiBar, Params } from 'cli-progress'
import { barLine, type StageMoment } from './progress-lines.ts'

interface BarStage {
  readonly update: (done: number, note?: string) => void
  /** Takes the bar away and prints the line in its place. */
  readonly remove: (line: string) => void
}

/** Bars at the bottom of a terminal, one a running stage, with lines printed above them. */
interface BarStages {
  readonly add: (name: string, total: number | null) => BarStage
  readonly print: (line: string) => void
  readonly stop: () => void
}

type Terminal = NodeJS.WritableStream & { readonly columns?: number }

const REDRAW_MS = 100

/** Everything to the right of a printed line is cleared, because a bar was there before. */
const overwriting = (lines: string): string => lines.replaceAll('\n', '\u001b[K\n') + '\u001b[K\n'

export function createBarStages(stream: Terminal, now: () => number, defaultWidth: number): BarStages {
  let bars: MultiBar | null = null
  let running = 0
  let drawnAt = 0

  const start = (): MultiBar =>
    new cliProgress.MultiBar({
      stream,
      format: (_options, _params: Params, moment: () => StageMoment) =>
        // A terminal wraps once the last column is written, so that column stays free.
        barLine(moment(), (stream.columns ?? defaultWidth) - 1),
      clearOnComplete: true,
      forceRedraw: true, // a line printed above has moved the bars down
      linewrap: true, // lines are cut to the width here; the terminal's setting stays as it is
      hideCursor: false,
      gracefulExit: false, // an interrupt is the command's to handle
    })

  function stop(): void {
    bars?.stop()
    bars = null
    running = 0
  }

  function print(line: string): void {
    if (bars === null) {
      stream.write(`${line}\n`)
      return
    }
    bars.log(overwriting(line))
    bars.update()
  }

  return {
    add(name, total) {
      const startedAt = now()
      let latest = { done: 0, note: '' }
      const moment = (): StageMoment => ({ name, total, ...latest, elapsed: now() - startedAt })
      const owner = (bars ??= start())
      const bar = owner.create(total ?? 0, 0, moment)
      running += 1
      owner.update()
      return {
        update(done, note = latest.note) {
          latest = { done, note }
          // Busy stages starve the library's timer, so that updates redraw too.
          if (bars !== owner || now() - drawnAt < REDRAW_MS) return
          drawnAt = now()
          owner.update()
        },
        remove(line) {
          if (bars !== owner) {
            print(line)
            return
          }
          owner.log(overwriting(line))
          owner.remove(bar)
          running -= 1
          if (running === 0) stop()
        },
      }
    },
    print,
    stop,
  }
}
