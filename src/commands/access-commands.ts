import { accessRoles } from '../core/permissions.ts'
import type { AuditListOptions, AuditVerifyOptions } from './audit.ts'
import type { DefineCommands } from './define-commands.ts'
import type { AuditedOptions } from './erase.ts'
import type { CreateKeyOptions } from './keys.ts'
import { accessRole, currentUser, pointInTime, scope, timeToCome, wholeNumber } from './option-values.ts'

const JSON_OPTION = ['--json', 'print JSON for programs'] as const
const BY_OPTION = ['--by <name>', 'who asks for it, for the record', currentUser()] as const

const addTo = (text: string, before: readonly string[] = []): readonly string[] => [...before, text]

/** Who may call, and who did what. */
export const defineAccessCommands: DefineCommands = (program, act) => {
  program.commandsGroup('Access:')

  const keys = program
    .command('keys')
    .description('create, list and revoke API keys')
    .addHelpText('after', '\nExample:\n  $ pairstream keys create --role reader --name "the web shop"')
  keys
    .command('create')
    .description('create an API key, and print it this once')
    .requiredOption('--role <role>', `what it may: ${accessRoles.join(', ')}`, accessRole)
    .option('--scope <permission>', 'only this permission of the role; may be given again', scope)
    .option('--name <text>', 'what it is for')
    .option('--expires <time>', 'when it ends: 90d from now, or a time such as 2026-11-20T12:00:00Z', timeToCome)
    .option(...BY_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
Examples:
  $ pairstream keys create --role publisher --name camera --expires 90d
  $ pairstream keys create --role operator --scope metrics:read --name prometheus`,
    )
    .action((options: CreateKeyOptions) =>
      act(async (context) => (await import('./keys.ts')).createKey(options, context)),
    )
  keys
    .command('list', { isDefault: true })
    .description('list the keys, without what opens')
    .option(...BY_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  $ pairstream keys list')
    .action((options: AuditedOptions) => act(async (context) => (await import('./keys.ts')).listKeys(options, context)))
  keys
    .command('revoke')
    .description('take a key back for good; every server knows within five seconds')
    .argument('<id>', 'its id, as the list shows it')
    .option(...BY_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  $ pairstream keys revoke q2w3e4r5t6y7')
    .action((id: string, options: AuditedOptions) =>
      act(async (context) => (await import('./keys.ts')).revokeKey(id, options, context)),
    )

  const audit = program
    .command('audit')
    .description('list and verify the record of who did what')
    .addHelpText('after', '\nExample:\n  $ pairstream audit verify')
  audit
    .command('list', { isDefault: true })
    .description('list who did what, oldest first')
    .option('--since <time>', 'only from this time on, such as 2026-11-20T12:00:00Z', pointInTime)
    .option('--principal <who>', 'only of this one: an id or a name, as the list shows them')
    .option('--top <number>', 'the newest so many', wholeNumber(1, 1_000_000), 100)
    .option(...BY_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  $ pairstream audit list --since 2026-11-20T00:00:00Z --principal ada')
    .action((options: AuditListOptions) =>
      act(async (context) => (await import('./audit.ts')).listAudit(options, context)),
    )
  audit
    .command('verify')
    .description('check that nothing in the record was changed, and with --expect that nothing was cut off')
    .option('--expect <head>', 'a head that was shown before; may be given again', addTo)
    .option(...BY_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
It prints the head of the record; servers log that of their own entries ("the audit log has come so far"). Keep heads where whoever can write the
log cannot, and give them by --expect.

Example:
  $ pairstream audit verify`,
    )
    .action((options: AuditVerifyOptions) =>
      act(async (context) => (await import('./audit.ts')).verifyAudit(options, context)),
    )
  audit
    .command('forget')
    .description('forget whose an id in the record is; the entries stay')
    .argument('<who>', 'an id or a name, as the list shows them')
    .option(...BY_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExample:\n  $ pairstream audit forget "ada of https://issuer.example.org/"')
    .action((who: string, options: AuditedOptions) =>
      act(async (context) => (await import('./audit.ts')).forgetPrincipal(who, options, context)),
    )
}
