import { Option } from 'commander'
import type { Role } from '../config.ts'
import { settingsTable, type ConfigurationOptions } from './configuration.ts'
import { roleList, wholeNumber } from './option-values.ts'
import type { DefineCommands } from './define-commands.ts'
import type { ServeOptions } from './serve.ts'
import type { DoctorOptions } from './doctor.ts'
import type { StatusOptions } from './status.ts'
import type { DemoCommandOptions } from './run-demo.ts'

const JSON_OPTION = ['--json', 'print JSON for programs'] as const

/** What runs, and what it runs with. */
export const defineServiceCommands: DefineCommands = (program, act) => {
  program.commandsGroup('Run:')

  program
    .command('serve')
    .description('run the API, the search page and all roles in one process')
    .option('--roles <list>', 'run only these roles: api,embed,count,train,release,erase', roleList)
    .option('--port <number>', 'port of the API; 0 takes a free one (PORT)')
    .option('--host <address>', 'address to listen on (HOST)')
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  $ pairstream serve --port 8080')
    .action((options: ServeOptions & { roles?: readonly Role[] }) =>
      act(async (context) => (await import('./serve.ts')).serve(options, context)),
    )

  program
    .command('demo')
    .description('show the whole loop on generated scenes or a data set, or search a folder of pictures')
    .option('--dataset <folder>', 'a captioned data set, such as Flickr8k, in place of generated scenes')
    .option('--backbone <folder>', 'folder of the image backbone (BACKBONE_DIR)')
    .option('--images <folder>', 'search this folder of pictures by --query, and do nothing else')
    .option('--query <text>', 'what to search the folder for')
    .option('--top-k <number>', 'how many pictures to print (default: 5)', wholeNumber(1, 1_000))
    .option('--model <folder>', 'search with this exported model; default: the champion')
    .option('--exit', 'end when the story is told, in place of serving')
    .option('--port <number>', 'port to serve on; 0 takes a free one (PORT)', wholeNumber(0, 65_535))
    .option('--data <folder>', 'data folder of the demo, which is emptied first', '.pairstream/demo')
    .option('--seed <number>', 'seed of the scenes and the trainings', wholeNumber(0, 2 ** 31), 1)
    .option(...JSON_OPTION)
    .addOption(new Option('--images_dir <folder>', 'the same as --images').hideHelp())
    .addOption(new Option('--top_k <number>', 'the same as --top-k').argParser(wholeNumber(1, 1_000)).hideHelp())
    .addHelpText(
      'after',
      `
Examples:
  $ pairstream demo --exit
  $ pairstream demo --images holiday/ --query "a dog running on the beach" --top-k 5`,
    )
    .action((options: DemoCommandOptions) =>
      act(async (context) => (await import('./run-demo.ts')).demo(options, context)),
    )

  program
    .command('status')
    .description('say what is there, what serves, and how far everybody is')
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  $ pairstream status --json')
    .action((options: StatusOptions) => act(async (context) => (await import('./status.ts')).status(options, context)))

  program
    .command('doctor')
    .description('check every configured driver and server; say what is wrong and how to put it right')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
Ends with 0 when all is well, warnings aside. It may run beside a serving process, and when nothing else will start.

Example:
  $ pairstream doctor`,
    )
    .action((options: DoctorOptions) => act(async (context) => (await import('./doctor.ts')).doctor(options, context)))

  program
    .command('config')
    .alias('configuration')
    .description('list the environment variables with their defaults')
    .option('--markdown', 'as a table for a README')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      () => `\nVariables:\n${settingsTable()}\n\nExample:\n  $ DATA_DIR=photos.data PORT=9000 pairstream serve`,
    )
    .action((options: ConfigurationOptions) =>
      act(async (context) => (await import('./configuration.ts')).printConfiguration(options, context)),
    )
}
