import { createAuditVerifier } from '../core/audit-chain.ts'
import { AppError } from '../core/errors.ts'
import type { AuditEntry } from '../core/events.ts'
import { readAudit } from '../roles/audit-log.ts'
import type { Services } from '../roles/services.ts'
import { audited, auditedRead } from './audited.ts'
import { print, printJson, remark, type CommandContext } from './context.ts'
import type { AuditedOptions } from './erase.ts'
import type { ExitName } from './exit-codes.ts'
import { counted } from './figures.ts'
import { formatTable } from './table.ts'
import { withServices } from './with-services.ts'

export type AuditListOptions = AuditedOptions & {
  readonly since?: number
  readonly principal?: string
  readonly top: number
}
export type AuditVerifyOptions = AuditedOptions & { readonly expect?: readonly string[] }

/** Lists who did what, oldest first: the newest `top` that fit. */
export function listAudit(options: AuditListOptions, context: CommandContext): Promise<ExitName> {
  return withServices<ExitName>(context, { access: 'share', needsData: true }, async (services) => {
    const { since, principal, top, by, json } = options
    await auditedRead(services, { action: 'audit:read', by })
    const wanted = principal === undefined ? null : await idsOf(services, principal)
    const newest: AuditEntry[] = []
    await readAudit(services.log, {}, ({ entry }) => {
      if (entry === null || entry.at < (since ?? 0) || wanted?.has(entry.principal) === false) return
      newest.push(entry)
      if (newest.length > top) newest.shift()
    })
    const names = await namesOf(services, newest)
    const nameOf = (id: string): string => names.get(id) ?? id
    const facts = newest.map((entry) => ({
      ...entry,
      at: new Date(entry.at).toISOString(),
      principalName: names.get(entry.principal) ?? null,
    }))
    if (json === true) printJson(context, facts)
    else if (facts.length === 0) remark(context, 'Nothing fits.')
    else {
      const rows = facts.map(({ at, principal: who, action, object, count, outcome }) => [at, nameOf(who), action, object, count, outcome]) // prettier-ignore
      print(context, formatTable(['at', 'who', 'what', 'on', 'things', 'outcome'], rows))
    }
    return 'ok'
  })
}

/** Checks every entry against its hash and its place in its chain, and the log against heads that were written down before. */
export function verifyAudit(options: AuditVerifyOptions, context: CommandContext): Promise<ExitName> {
  const { expect = [], by, json } = options
  const wrong = expect.find((head) => !/^(\d+|[0-9a-f-]{36}\/\d+):[0-9a-f]{64}$/.test(head))
  if (wrong !== undefined)
    throw new AppError('invalid-request', '--expect: write a head as this command, or the log of a server, shows it.')
  return withServices<ExitName>(context, { access: 'share', needsData: true }, async (services) => {
    const verifier = createAuditVerifier(expect)
    await readAudit(services.log, {}, ({ offset, entry }) => verifier.take(offset, entry))
    const result = verifier.end()
    await auditedRead(services, { action: 'audit:verify', by })
    if (json === true) printJson(context, result)
    else {
      for (const fault of result.faults) print(context, fault)
      for (const head of result.missing) print(context, `The log does not have ${head}: something was cut off, or it is another log.`) // prettier-ignore
    }
    const failed = result.faults.length + result.missing.length
    if (failed > 0) throw new AppError('audit-broken', `${counted(failed, 'fault')} in ${counted(result.entries, 'entry', 'entries')}.`) // prettier-ignore
    if (json !== true) {
      print(context, `${counted(result.entries, 'entry', 'entries')} of ${counted(result.writers, 'writer')}, all as they were written. Head: ${result.head}`) // prettier-ignore
      remark(context, 'Keep the head elsewhere: --expect shows later whether the end was cut off since.')
    }
    return 'ok'
  })
}

/** Forgets whose an id in the audit log is; the entries stay. */
export function forgetPrincipal(who: string, { by, json }: AuditedOptions, context: CommandContext): Promise<ExitName> {
  return withServices<ExitName>(context, { access: 'share', needsData: true }, async (services) => {
    const { names } = services
    const ids: string[] = []
    for (const id of await idsOf(services, who)) if ((await names.nameOf(id)) !== null) ids.push(id)
    if (ids.length === 0) throw new AppError('not-found', `No name is kept of ${who}.`)
    for (const id of ids)
      await audited(services, { action: 'principals:forget', object: id, by }, () => names.forget(id))
    if (json === true) printJson(context, { forgotten: ids })
    else print(context, `What is known of ${ids.join(' and ')} is forgotten; the entries stay.`)
    return 'ok'
  })
}

/** What somebody is called in the log, who is named by that, or by the name at a command line or in a token (`subject of issuer`). */
const idsOf = async ({ names }: Pick<Services, 'names'>, who: string): Promise<ReadonlySet<string>> =>
  new Set([who, await names.idOf('cli', who), await names.idOf('user', who)])

async function namesOf(
  { names, keys }: Services,
  entries: readonly AuditEntry[],
): Promise<ReadonlyMap<string, string>> {
  const known = new Map<string, string>()
  for (const key of await keys.list()) if (key.name !== '') known.set(`key:${key.id}`, `key:${key.id} (${key.name})`)
  for (const { principal } of entries) {
    if (known.has(principal)) continue
    const name = await names.nameOf(principal)
    if (name !== null) known.set(principal, name)
  }
  return known
}
