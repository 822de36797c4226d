import type { DefineCommands } from './define-commands.ts'
import type { JudgementsOptions } from './judgements.ts'
import type { RerankerOptions } from './reranker.ts'

const JSON_OPTION = ['--json', 'print JSON for programs'] as const

/** What puts hits into a better order: judgements to learn from, and rerankers. */
export const defineRerankerCommands: DefineCommands = (program, act) => {
  program.commandsGroup('Reranking:')

  const judgements = program
    .command('judgements')
    .description('publish what people or clicks say of how well a text answers a query, or take it back')
    .addHelpText('after', '\nExample:\n  $ pairstream judgements publish judgements.csv')
  judgements
    .command('publish')
    .description('publish judgements; run it again to go on where it stopped')
    .argument('<from>', 'a .jsonl or .csv file, the address of a table or view behind PostgREST, or `feedback`')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
A judgement has query, document, relevance (0 to 1, true or false), source and created_at. Of the same two texts the last one counts.
JUDGEMENTS_TOKEN opens a table that is not open to all.

Examples:
  $ pairstream judgements publish judgements.csv
  $ pairstream judgements publish "https://example.org/judgements?source=eq.editors"
  $ pairstream judgements publish feedback   # what people said of hits of searches`,
    )
    .action((from: string, options: JudgementsOptions) =>
      act(async (context) => (await import('./judgements.ts')).publishJudgements(from, options, context)),
    )

  judgements
    .command('withdraw')
    .description('take judgements back; what is trained from now on does not learn from them')
    .argument('<from>', 'a .jsonl or .csv file, the address of a table or view behind PostgREST, or `feedback`')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
It reads what \`publish\` reads, and takes back whatever was said of the same two texts.

Example:
  $ pairstream judgements withdraw wrong.csv`,
    )
    .action((from: string, options: JudgementsOptions) =>
      act(async (context) =>
        (await import('./judgements.ts')).publishJudgements(from, { ...options, withdraw: true }, context),
      ),
    )

  const reranker = program
    .command('reranker')
    .description('train and list rerankers, which put hits into a better order')
    .addHelpText('after', '\nExample:\n  $ pairstream reranker train')
  reranker
    .command('train')
    .description('train a reranker on the judgements, and use it if it is measurably better')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
It builds on SENTENCE_ENCODER_DIR. The latest 15 % of the judgements are not learned from: on them NDCG@10, MRR and MAP must be above
those of the sentence encoder's own order, and of the reranker that is used now. One that was stopped goes on where it was.

Example:
  $ SENTENCE_ENCODER_DIR=all-MiniLM-L6-v2 pairstream reranker train`,
    )
    .action((options: RerankerOptions) =>
      act(async (context) => (await import('./reranker.ts')).trainReranker(options, context)),
    )
  reranker
    .command('list', { isDefault: true })
    .description('list what was trained and how it was judged, oldest first')
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  $ pairstream reranker list')
    .action((options: RerankerOptions) =>
      act(async (context) => (await import('./reranker.ts')).listRerankers(options, context)),
    )
}
