import { errorCodes, type ErrorCode } from '../core/errors.ts'

/** What the status of an ended command means; the epilogue of `--help` prints this table. */
export const exitCodes = {
  ok: { status: 0, meaning: 'done' },
  failed: { status: 1, meaning: 'failed; the error says why' },
  usage: { status: 2, meaning: 'wrong usage or configuration, or what was named does not exist' },
  unavailable: { status: 3, meaning: 'not available now: no model yet, port or data folder taken, disk full' },
  rejected: { status: 4, meaning: 'done, but some records were rejected' },
  interrupted: { status: 130, meaning: 'stopped by a signal before the end' },
} as const satisfies Record<string, { readonly status: number; readonly meaning: string }>

export type ExitName = keyof typeof exitCodes

/** Faults of what was typed, beside those that any command can meet. */
const usage: ReadonlySet<ErrorCode> = new Set([
  'invalid-request',
  'filter-invalid',
  'split-unknown',
  'configuration-invalid',
  'partition-count-changed',
  'source-not-found',
  'source-refused',
  'source-unrecognised',
  'pair-not-found',
  'image-not-found',
  'model-not-found',
  'model-invalid',
  'key-not-found',
  'hub-refused',
])

/** Held by another process, which may give it up. */
const taken: ReadonlySet<ErrorCode> = new Set(['data-folder-locked', 'group-running', 'port-in-use'])

/** How a command ends that fails with this code. */
export function exitOf(code: ErrorCode): ExitName {
  if (usage.has(code)) return 'usage'
  return taken.has(code) || errorCodes[code].kind === 'unavailable' ? 'unavailable' : 'failed'
}

export const exitCodeHelp = (): string =>
  Object.values(exitCodes)
    .map(({ status, meaning }) => `  ${String(status).padEnd(4)} ${meaning}`)
    .join('\n')
