import { CommanderError } from 'commander'
import { errorCodes, toAppError } from '../core/errors.ts'
import { remark, type CommandContext } from './context.ts'
import { exitOf, type ExitName } from './exit-codes.ts'

type Failure = { readonly code: string; readonly title: string; readonly detail: string; readonly exit: ExitName }

function failureOf(error: unknown): Failure {
  if (error instanceof CommanderError) {
    const detail = error.message
      .replace(/^error: /, '')
      .replaceAll(/\s+/g, ' ')
      .replace(/\.$/, '')
    return { code: 'usage', title: 'Wrong usage', detail: `${detail}; see --help`, exit: 'usage' }
  }
  const { code, message } = toAppError(error)
  // On a command line nobody has sent a request, and the schema is the help.
  const title = code === 'invalid-request' ? 'Wrong usage' : errorCodes[code].title
  return { code, title, detail: message, exit: exitOf(code) }
}

/** Help and version end the parsing by an error that is none. */
const isAnswer = (error: unknown): boolean => error instanceof CommanderError && error.exitCode === 0

/** Tells of a failure on standard error: a line, or with `json` an object as RFC 9457 has it; a stack only when debugging. */
export function reportFailure(error: unknown, json: boolean, context: CommandContext): ExitName {
  if (isAnswer(error)) return 'ok'
  // Commander has printed the help by itself where no command was named.
  if (error instanceof CommanderError && error.code === 'commander.help') return 'usage'
  const { code, title, detail, exit } = failureOf(error)
  if (json) remark(context, JSON.stringify({ type: `/problems/${code}`, title, detail, code }))
  else remark(context, `error: ${title}: ${detail} [${code}]`)
  const level = context.environment['LOG_LEVEL']
  if ((level === 'debug' || level === 'trace') && error instanceof Error) remark(context, error.stack ?? '')
  return exit
}
