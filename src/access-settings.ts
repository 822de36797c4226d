import { isIP } from 'node:net'
import { sha256Hex } from './core/ids.ts'
import { AppError } from './core/errors.ts'
import { accessRoles, isAccessRole, isPermission, type AccessRole, type Permission } from './core/permissions.ts'

/** What a key opens: a role, or with scopes only these permissions of it. */
export type Grant = { readonly role: AccessRole; readonly scopes: readonly Permission[] | null }

/** A key that the configuration names, by its SHA-256 in hexadecimal digits. */
export type ConfiguredKey = Grant & { readonly hash: string }

export type JwtChoice = {
  readonly keys: { readonly secret: Uint8Array } | { readonly jwksUrl: URL }
  readonly issuer: string
  readonly audience: string
  readonly clockSkew: number
  readonly rolesClaim: string
}

/** Whom the server lets in, as the configuration says; keys of `pairstream keys` come on top. */
export type AccessChoice = {
  /** Whether callers must show who they are even where no key was made. */
  readonly required: boolean
  readonly jwt: JwtChoice | null
  readonly keys: readonly ConfiguredKey[]
  /** Addresses and networks (CIDR) whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[]
}

export type AccessSettings = {
  readonly REQUIRE_CREDENTIALS: 'true' | 'false'
  readonly JWT_SECRET?: string | undefined
  readonly JWT_JWKS_URL?: string | undefined
  readonly JWT_ISSUER?: string | undefined
  readonly JWT_AUDIENCE?: string | undefined
  readonly JWT_CLOCK_SKEW_SECONDS: number
  readonly JWT_ROLES_CLAIM: string
  readonly API_KEYS?: string | undefined
  readonly TRUSTED_PROXIES?: string | undefined
}

/** HS256 has a hash of 32 bytes; a shorter secret is weaker than it (RFC 7518, section 3.2). */
const LEAST_SECRET_BYTES = 32

/** Throws `configuration-invalid` for what does not go together or is too weak. */
export function chooseAccess(settings: AccessSettings): AccessChoice {
  const jwt = chooseJwt(settings)
  const keys = list(settings.API_KEYS).map(configuredKey)
  const trustedProxies = list(settings.TRUSTED_PROXIES)
  if (!trustedProxies.every(isNetwork))
    throw invalid('TRUSTED_PROXIES', 'name addresses or networks, as 10.0.0.0/8,192.0.2.7')
  const required = settings.REQUIRE_CREDENTIALS === 'true' || jwt !== null || keys.length > 0
  return { required, jwt, keys, trustedProxies }
}

/**
 * Throws `configuration-invalid` where others than this machine could reach a server that asks nobody who they are. What keys there are
 * is known only once the blob store is open, so that an address needs a setting.
 */
export function requireCredentialsFor(host: string, { required }: AccessChoice): void {
  if (required || isLoopback(host)) return
  throw invalid(
    'HOST',
    'without credentials the server listens on this machine alone (127.0.0.1); to let others reach it set JWT_SECRET or JWT_JWKS_URL, or REQUIRE_CREDENTIALS=true and make a key by `pairstream keys create`',
  )
}

/** Whether a host name or address means this machine and no other can reach it. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1')
  if (name === 'localhost' || name === '::1') return true
  return isIP(name) === 4 && name.startsWith('127.')
}

const list = (text: string | undefined): readonly string[] =>
  (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

function chooseJwt(settings: AccessSettings): JwtChoice | null {
  const { JWT_SECRET: secret, JWT_JWKS_URL: url, JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = settings
  const named = secret === undefined ? 'JWT_JWKS_URL' : 'JWT_SECRET'
  if (secret === undefined && url === undefined) {
    const idle = issuer === undefined ? (audience === undefined ? null : 'JWT_AUDIENCE') : 'JWT_ISSUER'
    if (idle === null) return null
    throw invalid(idle, 'set JWT_SECRET or JWT_JWKS_URL too, by which tokens are checked, or leave it out')
  }
  if (secret !== undefined && url !== undefined)
    throw invalid('JWT_JWKS_URL', 'tokens are checked by one of the two; leave out this one or JWT_SECRET')
  if (issuer === undefined || audience === undefined) {
    const missing = issuer === undefined ? 'JWT_ISSUER' : 'JWT_AUDIENCE'
    throw invalid(missing, `tokens are checked for it; set it, or leave out ${named}`)
  }
  const keys = secret === undefined ? { jwksUrl: jwksUrl(url ?? '') } : { secret: secretBytes(secret) }
  return { keys, issuer, audience, clockSkew: settings.JWT_CLOCK_SKEW_SECONDS, rolesClaim: settings.JWT_ROLES_CLAIM }
}

function secretBytes(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length >= LEAST_SECRET_BYTES) return bytes
  throw invalid('JWT_SECRET', `it must have at least ${LEAST_SECRET_BYTES} bytes, as \`openssl rand -base64 48\` gives`)
}

function jwksUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname))
  if (url !== null && isSafe && url.username === '' && url.password === '') return url
  throw invalid('JWT_JWKS_URL', 'it must be an https: address without a user (http: only of this machine)')
}

/** `role:key`, `role/permission+permission:key`, or `sha256=HEX` in place of the key; permissions hold colons, so the last one counts. */
function configuredKey(text: string): ConfiguredKey {
  const parts: Readonly<Partial<Record<string, string>>> =
    /^(?<role>[^/:]+)(?:\/(?<scopes>.+))?:(?<key>[^:]+)$/.exec(text)?.groups ?? {}
  const { role = '', scopes, key = '' } = parts
  const named = scopes?.split('+') ?? null
  const permissions = named?.filter(isPermission) ?? null
  if (!isAccessRole(role) || permissions?.length !== named?.length) {
    throw invalid(
      'API_KEYS',
      `write role:key or role/permission+permission:key; the roles are ${accessRoles.join(', ')}`,
    )
  }
  const hash = /^sha256=([0-9a-f]{64})$/.exec(key)?.[1]
  if (hash === undefined && key.length < 16)
    throw invalid('API_KEYS', 'a key must have at least 16 characters, as `openssl rand -base64 32` gives')
  return { role, scopes: permissions, hash: hash ?? sha256Hex(key) }
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
}

const invalid = (name: string, rule: string): AppError => new AppError('configuration-invalid', `${name}: ${rule}.`)
