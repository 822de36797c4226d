import type { AccessChoice, ConfiguredKey } from '../../access-settings.ts'
import { AppError } from '../../core/errors.ts'
import { isAccessRole, permissionsOf } from '../../core/permissions.ts'
import { hasHash, idOfKey } from './api-key.ts'
import { createTokenVerifier } from './jwt.ts'
import type { KeyStore } from './key-store.ts'
import type { PrincipalNames } from './principal-names.ts'
import { localPrincipal, type Principal } from './principal.ts'
import { createSessions, type Sessions } from './sessions.ts'
import type { SharedSecret } from './shared-secret.ts'

/** What a caller has shown. `bearer` is a token or a key. */
export type Credential = { readonly type: 'bearer' | 'key' | 'session'; readonly text: string }

export interface Access {
  /** Whether callers must show who they are. */
  required(): Promise<boolean>
  /** Who calls. Throws `unauthenticated`, or what is unavailable. */
  authenticate(credential: Credential | null): Promise<Principal>
  readonly sessions: Pick<Sessions, 'open'>
}

type AccessDependencies = {
  readonly choice: AccessChoice
  readonly keys: KeyStore
  readonly names: PrincipalNames
  readonly secret: SharedSecret
  readonly clock: () => number
}

/** A key of the configuration has no id but this. */
const configuredId = ({ hash }: ConfiguredKey): string => `setting-${hash.slice(0, 12)}`

export function createAccess({ choice, keys, names, secret, clock }: AccessDependencies): Access {
  const verifyToken = choice.jwt === null ? null : createTokenVerifier(choice.jwt)
  const sessions = createSessions({ secret, clock })

  const required = async (): Promise<boolean> => choice.required || (await keys.wasUsed())

  const ofConfigured = (key: ConfiguredKey): Principal => {
    const keyId = configuredId(key)
    const proof = { type: 'key', keyId, expiresAt: null } as const
    return { id: `key:${keyId}`, name: null, permissions: permissionsOf([key.role], key.scopes), proof }
  }

  const ofStored = async (keyId: string, isRight: (hash: string) => boolean): Promise<Principal> => {
    const key = await keys.find(keyId)
    if (key === null || !isRight(key.hash)) throw new AppError('unauthenticated', 'There is no such key.')
    if (key.revocation !== null) throw new AppError('unauthenticated', 'The key was revoked.')
    const { role, scopes, expiresAt } = key
    if (expiresAt !== null && expiresAt <= clock()) throw new AppError('unauthenticated', 'The key has expired.')
    const proof = { type: 'key', keyId, expiresAt } as const
    return { id: `key:${keyId}`, name: null, permissions: permissionsOf([role], scopes), proof }
  }

  const ofKey = async (text: string): Promise<Principal | null> => {
    const configured = choice.keys.find(({ hash }) => hasHash(text, hash))
    if (configured !== undefined) return ofConfigured(configured)
    const keyId = idOfKey(text)
    return keyId === null ? null : ofStored(keyId, (hash) => hasHash(text, hash))
  }

  const ofToken = async (text: string): Promise<Principal> => {
    if (verifyToken === null)
      throw new AppError('unauthenticated', 'There is no such key, and no tokens are taken here.')
    const { subject, issuer, roles, expiresAt } = await verifyToken(text)
    const name = `${subject} of ${issuer}`
    const permissions = permissionsOf(roles.filter(isAccessRole))
    return { id: await names.idOf('user', name), name, permissions, proof: { type: 'token', roles, expiresAt } }
  }

  /** A cookie reads what the page shows, and nothing that is for operators: it is worth as much as the secret that signs it. */
  const ofSession = async (text: string): Promise<Principal> => {
    const principal = await holderOf(text)
    const shown = permissionsOf(['reader'])
    return { ...principal, permissions: new Set([...principal.permissions].filter((each) => shown.has(each))) }
  }

  const holderOf = async (text: string): Promise<Principal> => {
    const { id, name, proof } = await sessions.read(text)
    if (proof.type === 'token' && choice.jwt === null)
      throw new AppError('unauthenticated', 'No tokens are taken here.')
    if (proof.type === 'token') return { id, name, permissions: permissionsOf(proof.roles.filter(isAccessRole)), proof }
    const configured = choice.keys.find((key) => configuredId(key) === proof.keyId)
    return configured === undefined ? ofStored(proof.keyId, () => true) : ofConfigured(configured)
  }

  return {
    required,
    sessions,
    async authenticate(credential) {
      if (!(await required())) return localPrincipal
      if (credential === null) {
        const detail = 'Send a token or an API key as `Authorization: Bearer …`, or the key as `X-API-Key`.'
        throw new AppError('unauthenticated', detail)
      }
      const { type, text } = credential
      if (type === 'session') return ofSession(text)
      const principal = await ofKey(text)
      if (principal !== null) return principal
      if (type === 'bearer') return ofToken(text)
      throw new AppError('unauthenticated', 'There is no such key.')
    },
  }
}
