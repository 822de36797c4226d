import type { KeyRecord } from '../api/access/api-key.ts'
import type { StoredKey } from '../api/access/key-store.ts'
import { AppError } from '../core/errors.ts'
import { permissionsOf, type AccessRole, type Permission } from '../core/permissions.ts'
import { audited, auditedRead } from './audited.ts'
import { print, printJson, remark, type CommandContext } from './context.ts'
import type { AuditedOptions } from './erase.ts'
import type { ExitName } from './exit-codes.ts'
import { formatTable } from './table.ts'
import { withServices } from './with-services.ts'

export type CreateKeyOptions = AuditedOptions & {
  readonly role: AccessRole
  readonly scope?: readonly Permission[]
  readonly name?: string
  readonly expires?: number
}

/** Makes an API key and prints it, this once. */
export async function createKey(options: CreateKeyOptions, context: CommandContext): Promise<ExitName> {
  const { role, scope, name = '', expires, by, json } = options
  const scopes = scope ?? null
  const foreign = scopes?.find((permission) => !permissionsOf([role]).has(permission))
  if (foreign !== undefined)
    throw new AppError('invalid-request', `--scope ${foreign}: the role ${role} does not have it; name a higher role.`)
  const expiresAt = expires ?? null
  if (expiresAt !== null && expiresAt <= Date.now())
    throw new AppError('invalid-request', '--expires: this is over already; name a time to come.')
  return withServices<ExitName>(context, { access: 'share' }, async (services) => {
    const { keys, names, config } = services
    const createdBy = await names.idOf('cli', by)
    const deed = { action: 'keys:create', by, object: (made: { key: KeyRecord }) => made.key.id }
    const { key, text } = await audited(services, deed, () => keys.create({ name, role, scopes, createdBy, expiresAt }))
    if (json === true) printJson(context, { id: key.id, key: text, role, scopes, name, expiresAt: timeOf(expiresAt) })
    else {
      print(context, text)
      remark(context, `It is key ${key.id} and is not shown again: send it as 'Authorization: Bearer …'.`)
    }
    if (!config.access.required) {
      remark(context, 'From now on callers of a running server are asked who they are, within five seconds.')
      remark(context, 'For an address that others can reach, set REQUIRE_CREDENTIALS=true too.')
    }
    return 'ok'
  })
}

/** Lists all keys without what opens; the revoked and expired ones too. */
export function listKeys({ by, json }: AuditedOptions, context: CommandContext): Promise<ExitName> {
  return withServices<ExitName>(context, { access: 'share' }, async (services) => {
    await auditedRead(services, { action: 'keys:list', by })
    const facts = await Promise.all((await services.keys.list()).map((key) => factsOf(services.names, key)))
    if (json === true) printJson(context, facts)
    else if (facts.length === 0) remark(context, "There are no keys; see 'pairstream keys create --help'.")
    else {
      const rows = facts.map(({ id, name, role, scopes, state, createdAt, createdBy, expiresAt }) => [
        id,
        name,
        scopes === null ? role : `${role}: ${scopes.join(', ')}`,
        state,
        createdAt,
        createdBy,
        expiresAt,
      ])
      print(context, formatTable(['key', 'name', 'may', 'state', 'created', 'by', 'expires'], rows))
    }
    return 'ok'
  })
}

/** Takes a key back for good. */
export function revokeKey(id: string, { by, json }: AuditedOptions, context: CommandContext): Promise<ExitName> {
  return withServices<ExitName>(context, { access: 'share' }, async (services) => {
    const revokedBy = await services.names.idOf('cli', by)
    const { revokedAt } = await audited(services, { action: 'keys:revoke', object: id, by }, () =>
      services.keys.revoke(id, revokedBy),
    )
    if (json === true) printJson(context, { id, revokedAt: timeOf(revokedAt) })
    else print(context, `The key ${id} is revoked: within five seconds it opens nothing any more, on any server.`)
    return 'ok'
  })
}

const timeOf = (milliseconds: number | null): string | null =>
  milliseconds === null ? null : new Date(milliseconds).toISOString()

async function factsOf(names: { nameOf(id: string): Promise<string | null> }, key: StoredKey) {
  const { id, name, role, scopes, createdAt, createdBy, expiresAt, revocation } = key
  const isOver = expiresAt !== null && expiresAt <= Date.now()
  return {
    id,
    name,
    role,
    scopes,
    state: revocation !== null ? 'revoked' : isOver ? 'expired' : 'valid',
    createdAt: timeOf(createdAt),
    createdBy: (await names.nameOf(createdBy)) ?? createdBy,
    expiresAt: timeOf(expiresAt),
    revokedAt: timeOf(revocation?.revokedAt ?? null),
  }
}
