import { fork, type ChildProcess } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError, type ErrorCode } from '../../core/errors.ts'

/** What is sent to the process that tries a model. */
export type TrialOrder = {
  readonly folder: string
  readonly files: readonly string[]
  /** Resident memory that the process may have, in bytes. */
  readonly memory: number
}

/** What it answers: which file it begins with, that it has passed, at last that all have; or why one has not. */
export type TrialReport =
  | { readonly tries: string }
  | { readonly passed: string }
  | { readonly done: true }
  | { readonly code: ErrorCode; readonly detail: string }

export type TrialLimits = {
  /** Milliseconds for each file. */
  readonly time: number
  /** Bytes of resident memory. */
  readonly memory: number
}

const program = fileURLToPath(new URL(`./try-model-process${extname(import.meta.url)}`, import.meta.url))

/** What a process needs of its surroundings; above all not the token. */
const passedOn = ['PATH', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'SYSTEMROOT', 'TMPDIR', 'TEMP', 'TMP', 'HOME']

/** Networks may be optimised in a few times their size, whatever they are; a runtime takes some hundred megabytes by itself. */
export const usualLimits = (networkBytes: number): TrialLimits => ({
  time: 120_000,
  memory: 1024 ** 3 + 4 * networkBytes,
})

/**
 * Opens files of a model for the first time, in a process that may fail: networks by ONNX Runtime, weights and configuration as far as
 * their form. `onPassed` hears of each. Throws what was found wrong, and `model-unsafe` where a file ended the process or went past a limit.
 */
export async function tryModel(
  folder: string,
  files: readonly string[],
  limits: TrialLimits,
  signal: AbortSignal,
  onPassed: (file: string) => void = () => undefined,
): Promise<void> {
  signal.throwIfAborted()
  const child = startTrial(limits)
  const stop = (): void => void child.kill('SIGKILL')
  signal.addEventListener('abort', stop, { once: true })
  let timer: NodeJS.Timeout | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      let current: string | null = null
      const refuse = (what: string): void => reject(refusalOf(current, what))
      const watch = (): void => {
        clearTimeout(timer)
        timer = setTimeout(() => refuse(`was not loaded within ${limits.time / 1000} s`), limits.time)
      }
      child.on('message', (message) => {
        const report = message as TrialReport
        if ('code' in report) reject(new AppError(report.code, report.detail))
        else if ('tries' in report) current = report.tries
        else if ('passed' in report) onPassed(report.passed)
        else resolve()
        watch()
      })
      child.once('error', ({ message }) => refuse(`cannot be started: ${message}`))
      child.once('close', (status, killedBy) => {
        if (signal.aborted) reject(signal.reason as Error)
        // Its own watch and the operating system both end it so.
        else if (killedBy === 'SIGKILL') refuse(`needs more than ${Math.round(limits.memory / 1024 ** 2)} MB to load`)
        else refuse(`ended the process that loaded it (${killedBy ?? `exit code ${status}`})`)
      })
      watch()
      const order: TrialOrder = { folder, files, memory: limits.memory }
      // A process that is dead already has no use for it; that it died is told by `close`.
      child.send(order, () => undefined)
    })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
    child.kill('SIGKILL')
  }
}

function startTrial({ memory }: TrialLimits): ChildProcess {
  return fork(program, {
    env: Object.fromEntries(passedOn.map((name) => [name, process.env[name]])),
    execArgv: [...process.execArgv, `--max-old-space-size=${Math.ceil(memory / 1024 ** 2)}`],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
}

/** The file that was being tried is at fault; before the first one, nobody's file is. */
const refusalOf = (file: string | null, what: string): AppError =>
  file === null
    ? new AppError('internal', `The process that tries models ${what}; see whether there is memory enough.`)
    : new AppError('model-unsafe', `${file} ${what}; do not use this model.`)
