import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { createRandom } from '../../src/core/random.ts'
import { applyEvent, parseEvent, type Acknowledgements, type KnownPair } from './events.ts'
import { makePictures } from './setting.ts'

/** How long a life lasts after it is ready, at most, in milliseconds. */
const LONGEST_LIFE = 900
/** How often a process is killed while it starts. */
const EARLY_DEATHS = 0.2
const LONGEST_START = 1_500

export type CrashRun = {
  readonly known: Acknowledgements
  /** One life that ends by SIGKILL; throws when it ended in any other way. */
  kill(): Promise<void>
  /** One life that finishes what is open and ends by itself. */
  settle(): Promise<void>
}

/** Lives of the platform in `folder`, one after another; the moments of death follow from the seed. */
export async function startCrashRun(folder: string, seed: number): Promise<CrashRun> {
  const random = createRandom(seed)
  const known = new Map<string, KnownPair>()
  let lives = 0
  await makePictures(folder, seed)

  const start = (mode: 'work' | 'settle') => {
    const script = join(import.meta.dirname, 'life.ts')
    const values = [folder, String(seed * 100_000 + lives++), mode]
    const child = spawn(process.execPath, ['--import', 'tsx', script, ...values], { stdio: ['ignore', 'pipe', 'pipe'] })
    const lines = createInterface({ input: child.stdout })
    let errors = ''
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
    const ready = new Promise<void>((resolve) => {
      lines.on('line', (line) => {
        const event = parseEvent(line)
        if (event?.type === 'ready') resolve()
        else if (event !== null) applyEvent(known, event)
      })
    })
    const ended = Promise.all([once(child, 'close'), once(lines, 'close')])
    return { child, ready, ended, errors: () => errors }
  }

  return {
    known,
    async kill() {
      const { child, ready, ended, errors } = start('work')
      const isEarly = random.float() < EARLY_DEATHS
      const moment = isEarly ? random.below(LONGEST_START) : random.below(LONGEST_LIFE)
      const due = (isEarly ? Promise.resolve() : ready).then(() => delay(moment))
      await Promise.race([due, ended])
      child.kill('SIGKILL')
      await ended
      if (child.signalCode !== 'SIGKILL') throw new Error(`A life ended by itself (${child.exitCode}): ${errors()}`)
    },
    async settle() {
      const { child, ended, errors } = start('settle')
      await ended
      if (child.exitCode !== 0)
        throw new Error(`The last life did not settle (${child.exitCode ?? child.signalCode}): ${errors()}`)
    },
  }
}
