import type { Command } from 'commander'
import type { CommandContext } from './context.ts'
import type { ExitName } from './exit-codes.ts'

/** What a command defines its action with: runs it, and takes how it ended. */
export type Act = (action: (context: CommandContext) => Promise<ExitName | number>) => Promise<void>

/** Defines the commands of a group on the program. The files behind the actions are loaded when one is run. */
export type DefineCommands = (program: Command, act: Act) => void
