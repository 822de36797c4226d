import { Argument, Option } from 'commander'
import { searchModes } from '../api/search-types.ts'
import { pointKinds } from '../ports/vector-index.ts'
import type { DeadLettersOptions } from './dead-letters.ts'
import type { ReplayDeadOptions } from './dead-letters-replay.ts'
import type { AuditedOptions } from './erase.ts'
import { currentUser, filterTerm, leastRelevance, rangeTerm, splitName, wholeNumber } from './option-values.ts'
import type { PublishOptions } from './publish.ts'
import type { DefineCommands } from './define-commands.ts'
import type { SearchOptions } from './search.ts'

const JSON_OPTION = ['--json', 'print JSON for programs'] as const
const BY_OPTION = ['--by <name>', 'who asks for it, for the record', currentUser()] as const

/** Pairs in, pictures out, and what became of the records between. */
export const defineDataCommands: DefineCommands = (program, act) => {
  program.commandsGroup('Pairs:')

  program
    .command('publish')
    .description('publish pictures with their captions; run it again to go on where it stopped')
    .argument('<path>', 'folder of pictures, Flickr8k, captions.txt or .csv, .jsonl, webdataset .tar, or parquet')
    .option(
      '--format <name>',
      'read it as this format: folder, flickr8k, captions-file, json-lines, webdataset, parquet',
    )
    .option('--split <name>', 'publish only this split, and into it what names none', splitName)
    .option('--watch', 'follow a folder and publish pictures as they appear')
    .option('--schedule <cron>', 'scan again at these times')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
Examples:
  $ pairstream publish photos/
  $ pairstream publish photos/ --schedule "*/10 * * * *"`,
    )
    .action((path: string, options: PublishOptions) =>
      act(async (context) => (await import('./publish.ts')).publish(path, options, context)),
    )

  program
    .command('search')
    .description('find pictures or captions by a text, by a picture, or by both')
    .argument('[text]', 'what to search for')
    .option('--image <file>', 'search by this picture; with a text, changed by these words')
    .option('--not <text>', 'what is not wanted')
    .option('--top-k <number>', 'how many to print', wholeNumber(1, 100), 10)
    .addOption(new Option('--target <kind>', 'what to find').choices(pointKinds).default('images'))
    .addOption(
      new Option('--mode <mode>', 'compare meanings, or words (needs no model), or fuse both')
        .choices(searchModes)
        .default('vector'),
    )
    .option('--rerank <number>', 'have a reranker put so many of the first hits in order', wholeNumber(0, 100), 0)
    .option('--filter <name=value>', 'only where this holds; split=… too; may be given again', filterTerm)
    .option('--range <name=from..to>', 'only where a number or date lies in it; may be given again', rangeTerm)
    .option('--min-relevance <share>', 'leave out what is less relevant, 0 to 1; auto: no match at all', leastRelevance)
    .option('--group', 'of near-duplicates show the best')
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  $ pairstream search "a dog running on the beach" --top-k 5')
    .action((text: string | undefined, options: SearchOptions) =>
      act(async (context) => (await import('./search.ts')).search(text, options, context)),
    )

  program
    .command('erase')
    .description('erase a pair for good')
    .argument('<pair-id>')
    .option(...BY_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  $ pairstream erase 3f0c9b1e-5a8d-5c0e-9a53-0d6f0c1f5b11')
    .action((pairId: string, options: AuditedOptions) =>
      act(async (context) => (await import('./erase.ts')).erase(pairId, options, context)),
    )

  program
    .command('restore')
    .description('let an erased pair be published again')
    .argument('<pair-id>')
    .option(...BY_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  $ pairstream restore 3f0c9b1e-5a8d-5c0e-9a53-0d6f0c1f5b11 --by ada')
    .action((pairId: string, options: AuditedOptions) =>
      act(async (context) => (await import('./erase.ts')).restore(pairId, options, context)),
    )

  const dead = program
    .command('dead-letters')
    .description('list, show or replay the records that were given up, with their causes')
    .addHelpText('after', '\nExample:\n  $ pairstream dead-letters show pairs.dead 3 0')
  dead
    .command('list', { isDefault: true })
    .description('list them by topic')
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  $ pairstream dead-letters list --json')
    .action((options: DeadLettersOptions) =>
      act(async (context) => (await import('./dead-letters.ts')).listDeadLetters(options, context)),
    )
  dead
    .command('show')
    .description('show one, with what is left of its original')
    .argument('<topic>')
    .addArgument(new Argument('<partition>').argParser(wholeNumber(0)))
    .addArgument(new Argument('<offset>').argParser(wholeNumber(0)))
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  $ pairstream dead-letters show pairs.dead 3 0')
    .action((topic: string, partition: number, offset: number, options: DeadLettersOptions) =>
      act(async (context) =>
        (await import('./dead-letters.ts')).showDeadLetter({ topic, partition, offset }, options, context),
      ),
    )
  dead
    .command('replay')
    .description('append the originals to their topic again, as far as the log holds them')
    .argument('<topic>')
    .option('--partition <number>', 'the partition of the dead record', wholeNumber(0))
    .option('--offset <number>', 'the offset of the dead record', wholeNumber(0))
    .option('--all', 'all of the topic that were not replayed yet')
    .option(...BY_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
A record that dies again is listed again; an erased pair is refused.

Examples:
  $ pairstream dead-letters replay pairs --partition 3 --offset 0
  $ pairstream dead-letters replay pairs --all`,
    )
    .action((topic: string, options: ReplayDeadOptions) =>
      act(async (context) => (await import('./dead-letters-replay.ts')).replayDead(topic, options, context)),
    )
}
