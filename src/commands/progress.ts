import type { Writable } from 'node:stream'
import { createBarStages } from './progress-bars.ts'
import { endLine, eventLine, plainLine, startLine } from './progress-lines.ts'
import type { Screen } from './terminal-text.ts'

/** One thing that is being done. After `finish` or `fail` it takes no more updates. */
export interface Stage {
  /** `done` counts towards the stage's total; the note says what is in hand, in a few words. */
  update(done: number, note?: string): void
  finish(line: string): void
  fail(line: string): void
}

/** What a command tells while it works: a bar a stage on a terminal, plain lines elsewhere. */
export interface Progress {
  /** `total` is null where nobody knows how much there is. Several stages may run at once. */
  stage(name: string, total: number | null): Stage
  /** A line above the bars; `topic` is the topic that carried what happened, null where none did. */
  say(topic: string | null, text: string): void
  /** Takes the bars away, also those of stages that never ended; for the way out of a failed command. */
  stop(): void
}

type ProgressOptions = {
  readonly stream: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly isTerminal: boolean
  /** Milliseconds. Default: the system's clock. */
  readonly now?: () => number
  /** Default: the process's; `NO_COLOR` (https://no-color.org) turns colours off. */
  readonly environment?: Readonly<Record<string, string | undefined>>
}

const DEFAULT_WIDTH = 80
/** A plain line at every tenth of the total, but no more than one a second, and at least one in five seconds of work. */
const PLAIN_SHARE = 0.1
const PLAIN_QUIET_MS = 1_000
const PLAIN_SILENCE_MS = 5_000

/** What ends a stage only once, and lets nothing come after it. */
function endsOnce(update: Stage['update'], end: (line: string, failed: boolean) => void): Stage {
  let ended = false
  const endWith = (line: string, failed: boolean): void => {
    if (ended) return
    ended = true
    end(line, failed)
  }
  return {
    update(done, note) {
      if (!ended) update(done, note)
    },
    finish: (line) => endWith(line, false),
    fail: (line) => endWith(line, true),
  }
}

function createPlainProgress(print: (line: string) => void, now: () => number): Progress {
  const screen: Screen = { width: null, coloured: false }
  return {
    stage(name, total) {
      const startedAt = now()
      let printed = { at: startedAt, done: 0 }
      print(startLine(name, total))
      const update: Stage['update'] = (done, note = '') => {
        const quiet = now() - printed.at
        const far = total !== null && total > 0 && (done - printed.done) / total >= PLAIN_SHARE
        if (quiet < PLAIN_QUIET_MS || (!far && quiet < PLAIN_SILENCE_MS)) return
        printed = { at: now(), done }
        print(plainLine({ name, total, done, note, elapsed: now() - startedAt }))
      }
      return endsOnce(update, (line, failed) => print(endLine(name, line, now() - startedAt, failed, screen)))
    },
    say: (topic, text) => print(eventLine(topic, text, screen)),
    stop: () => undefined,
  }
}

function createTerminalProgress({ stream, now = Date.now, environment = process.env }: ProgressOptions): Progress {
  const bars = createBarStages(stream, now, DEFAULT_WIDTH)
  const noColour = environment['NO_COLOR'] ?? ''
  const screen = (): Screen => ({ width: stream.columns ?? DEFAULT_WIDTH, coloured: noColour === '' })
  return {
    stage(name, total) {
      const startedAt = now()
      const bar = bars.add(name, total)
      return endsOnce(bar.update, (line, failed) =>
        bar.remove(endLine(name, line, now() - startedAt, failed, screen())),
      )
    },
    say: (topic, text) => bars.print(eventLine(topic, text, screen())),
    stop: bars.stop,
  }
}

/** Progress on a stream: bars where it `isTerminal`, else lines without carriage returns, escape codes or colours. */
export function createProgress(options: ProgressOptions): Progress {
  const { stream, isTerminal, now = Date.now } = options
  if (isTerminal) return createTerminalProgress(options)
  return createPlainProgress((line) => void stream.write(`${line}\n`), now)
}
