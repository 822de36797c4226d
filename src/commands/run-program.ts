import { Command } from 'commander'
import { programVersion } from '../program.ts'
import type { CommandContext } from './context.ts'
import { defineAccessCommands } from './access-commands.ts'
import type { Act } from './define-commands.ts'
import { defineDataCommands } from './data-commands.ts'
import { exitCodeHelp, exitCodes } from './exit-codes.ts'
import { reportFailure } from './failure.ts'
import { defineModelCommands } from './model-commands.ts'
import { defineRerankerCommands } from './reranker-commands.ts'
import { defineServiceCommands } from './service-commands.ts'

const epilogue = `
Exit codes:
${exitCodeHelp()}

Settings are environment variables: 'pairstream config' lists them. Each command has --help with an example.`

/** Runs the program that the words after its name ask for; resolves with the status to end with. Never throws. */
export async function runProgram(words: readonly string[], context: CommandContext): Promise<number> {
  let status: number = exitCodes.ok.status
  const act: Act = async (action) => {
    const ended = await action(context)
    status = typeof ended === 'number' ? ended : exitCodes[ended].status
  }
  try {
    await createProgram(context, act).parseAsync(words, { from: 'user' })
    return status
  } catch (error) {
    return exitCodes[reportFailure(error, words.includes('--json'), context)].status
  }
}

function createProgram({ stdout, stderr }: CommandContext, act: Act): Command {
  const program = new Command('pairstream')
    .description('A streaming search engine for captioned pictures that retrains itself.')
    .version(programVersion(), '-v, --version', 'print the version')
    .helpOption('-h, --help', 'explain the command')
    .helpCommand('help [command]', 'explain a command')
    .showSuggestionAfterError()
    .exitOverride()
    // What goes wrong is told in one place and in one form, by `reportFailure`.
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: () => undefined,
    })
    .addHelpText('after', epilogue)
  defineServiceCommands(program, act)
  defineDataCommands(program, act)
  defineModelCommands(program, act)
  defineRerankerCommands(program, act)
  defineAccessCommands(program, act)
  return program
}
