import { Option } from 'commander'
import { retrainingReasons } from '../core/events.ts'
import { precisions } from '../models/hub/choose-files.ts'
import type { AuditedOptions } from './erase.ts'
import type { EvaluateOptions } from './evaluate.ts'
import type { ModelsOptions } from './models.ts'
import type { PullOptions } from './pull-model.ts'
import { currentUser, offsetOrTime, sha256Digest, splitName, wholeNumber } from './option-values.ts'
import type { DefineCommands } from './define-commands.ts'
import type { ReindexOptions } from './reindex.ts'
import type { ReplayOptions } from './replay.ts'
import type { TrainOptions } from './train.ts'
import type { TuneOptions } from './tune.ts'

const JSON_OPTION = ['--json', 'print JSON for programs'] as const
const BY_OPTION = ['--by <name>', 'who asks for it, for the record', currentUser()] as const

/** Models: asked for, measured, released, taken back, taken along. */
export const defineModelCommands: DefineCommands = (program, act) => {
  program.commandsGroup('Models:')

  program
    .command('train')
    .description('request a retraining by hand')
    .addOption(
      new Option('--reason <reason>', 'what to record as the reason').choices(retrainingReasons).default('manual'),
    )
    .option('--wait', 'wait for the decision; trains by itself where no process serves')
    .option(...BY_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  $ pairstream train --wait')
    .action((options: TrainOptions) => act(async (context) => (await import('./train.ts')).train(options, context)))

  program
    .command('tune')
    .description('search for better hyperparameters by cross-validation; run it again to go on where it stopped')
    .option('--trials <number>', 'settings that are tried, the present one among them', wholeNumber(1, 1_000), 27)
    .option('--folds <number>', 'folds that the training pictures are divided into', wholeNumber(2, 20), 3)
    .option('--seed <number>', 'draws other settings', wholeNumber(0, 2 ** 31), 1)
    .option('--space <file>', 'JSON of what to search; default: rates, decay, dropouts, averaging, batch, widths')
    .option('--snapshot <key>', 'the snapshot to learn from; default: that of the newest request')
    .option('--no-adopt', 'only show what is found, in place of making it the new default')
    .addOption(
      new Option('--show', 'print what trainings use now, and where it comes from').conflicts(['reset', 'space']),
    )
    .addOption(new Option('--reset', 'go back to the built-in hyperparameters').conflicts(['space']))
    .option(...BY_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
Held-out pictures are never looked at, and models are judged by the gate as before.

A search space names hyperparameters with choices or a range:
  {"learningRate": {"from": 0.0005, "to": 0.01, "scale": "logarithmic"}, "wordTower": {"choices": ["bag", "gru"]}}

Examples:
  $ pairstream tune
  $ pairstream tune --trials 9 --space space.json --no-adopt
  $ pairstream tune --show`,
    )
    .action((options: TuneOptions) => act(async (context) => (await import('./tune.ts')).tune(options, context)))

  program
    .command('evaluate')
    .description('measure retrieval both ways: Recall@1/5/10, MRR, MAP, NDCG@10, median rank')
    .option('--model <model>', 'a folder, a version, or champion', 'champion')
    .option('--dataset <path>', 'a data set on disk; default: what is published')
    .option(
      '--split <name>',
      'train, val, test or all; default: test of a data set, validation of what is published',
      (text) => (text === 'all' ? text : splitName(text)),
    )
    .option('--out <file>', 'where to write the figures as JSON; default: evaluation/MODEL-SPLIT.json')
    .option(
      '--run <file>',
      'where to write TREC runs and judgements: FILE.t2i.run, FILE.i2t.run and .qrels; default: evaluation/MODEL-SPLIT',
    )
    .option('--depth <number>', 'results a query in the runs, at most', wholeNumber(1, 100_000), 1_000)
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  $ pairstream evaluate --model models/champion --dataset flickr8k --split test')
    .action((options: EvaluateOptions) =>
      act(async (context) => (await import('./evaluate.ts')).evaluate(options, context)),
    )

  program
    .command('reindex')
    .description('build a new index for a model beside the one that serves, and switch to it')
    .option('--to <model>', 'a version, its number in the list, or champion', 'champion')
    .option('--wait', 'wait until it serves; builds by itself where no process serves', true)
    .option('--no-wait', 'only ask for it')
    .option(...BY_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
The index that serves stays until the new one is complete, and for a while after: 'pairstream models revert' goes back to it.

Examples:
  $ pairstream reindex
  $ pairstream reindex --to m-0123456789 --no-wait`,
    )
    .action((options: ReindexOptions) =>
      act(async (context) => (await import('./reindex.ts')).reindex(options, context)),
    )

  program
    .command('replay')
    .description('read pairs again from an offset or a time, to put back what an index has lost')
    .requiredOption(
      '--from <offset>',
      'the first offset to read again, 0 for the beginning, or a time: ISO 8601 with its zone',
      offsetOrTime,
    )
    .option('--partition <number>', 'only in this partition', wholeNumber(0))
    .option('--generation <name>', 'the index to bring up to date; default: the one that serves')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
What the index holds is kept, what is missing is embedded again, and what was erased stays erased.

Examples:
  $ pairstream replay --from 0
  $ pairstream replay --from 2026-11-20T12:00:00Z
  $ pairstream replay --from 1200 --partition 3 --generation g2-1f0c9a2e`,
    )
    .action((options: ReplayOptions) => act(async (context) => (await import('./replay.ts')).replay(options, context)))

  const models = program
    .command('models')
    .description('list, show, promote, take back, export and download models')
    .addHelpText('after', '\nExample:\n  $ pairstream models export champion models/champion')
  models
    .command('list', { isDefault: true })
    .description('list all models, oldest first')
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  $ pairstream models list')
    .action((options: ModelsOptions) =>
      act(async (context) => (await import('./models.ts')).listModels(options, context)),
    )
  models
    .command('show')
    .description('show the decisions on a model, its metrics, training and files')
    .argument('<version>', 'a version, its number in the list, or champion')
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  $ pairstream models show champion')
    .action((version: string, options: ModelsOptions) =>
      act(async (context) => (await import('./models.ts')).showModel(version, options, context)),
    )
  models
    .command('promote')
    .description('build and serve a model, whatever the gate said of it')
    .argument('<version>', 'a version, or its number in the list')
    .option(...BY_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  $ pairstream models promote m-0123456789 --by ada')
    .action((version: string, options: AuditedOptions) =>
      act(async (context) => (await import('./models.ts')).promote(version, options, context)),
    )
  models
    .command('revert')
    .description('go back to the release before, at once')
    .option(...BY_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  $ pairstream models revert')
    .action((options: AuditedOptions) => act(async (context) => (await import('./models.ts')).revert(options, context)))
  models
    .command('export')
    .description('write a model into a folder that needs nothing else')
    .argument('<version>', 'a version, its number in the list, or champion')
    .argument('<folder>', 'a new folder')
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  $ pairstream models export champion models/champion')
    .action((version: string, folder: string, options: ModelsOptions) =>
      act(async (context) => (await import('./models.ts')).exportModel(version, folder, options, context)),
    )
  models
    .command('pull')
    .description('download a model from the hub: configuration, tokeniser and ONNX files, checked and tried')
    .argument('<name>', 'OWNER/NAME as on the hub, or a name of open_clip; @REVISION for a branch, tag or commit')
    .addOption(
      new Option('--precision <precision>', 'of the networks; default: fp32, or what there is').choices(precisions),
    )
    .option('--sha256 <digest>', 'refuse all but the files of this digest, which a pull prints', sha256Digest)
    .option('--offline', 'only check what was pulled before (HUB_OFFLINE)')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
A pull that was ended goes on where it was. HF_TOKEN opens models that are not open to all.

Examples:
  $ pairstream models pull sentence-transformers/all-MiniLM-L6-v2
  $ pairstream models pull ViT-B-32/openai --precision int8
  $ pairstream models pull owner/name@5f1d0c2b9b0e4a7d8c3f2a1b0c9d8e7f6a5b4c3d`,
    )
    .action((name: string, options: PullOptions) =>
      act(async (context) => (await import('./pull-model.ts')).pull(name, options, context)),
    )
}
