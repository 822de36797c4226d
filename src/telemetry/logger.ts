import { destination, pino, stdSerializers, type DestinationStream, type Logger } from 'pino'

export type { Logger } from 'pino'

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

type LoggerOptions = {
  readonly level?: LogLevel
  /** The role that writes, on every line: `embed`. */
  readonly role?: string
  /** Default: standard error, because standard output belongs to what a command answers. */
  readonly stream?: DestinationStream
}

/**
 * A logger that writes one JSON object a line, times as ISO 8601 and levels by name. Give it ids, counts and `{ err: error }`,
 * never captions, queries or bytes. Writes at once, so that the last line before a crash is there.
 */
export function createLogger({ level = 'info', role, stream }: LoggerOptions = {}): Logger {
  return pino(
    {
      level,
      base: role === undefined ? {} : { role },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: stdSerializers.err },
    },
    stream ?? destination({ dest: 2, sync: true }),
  )
}
