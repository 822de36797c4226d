import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose'
import type { JwtChoice } from '../../access-settings.ts'
import { AppError } from '../../core/errors.ts'

/** What a token says, once it is believed. */
export type TokenFacts = {
  readonly subject: string
  readonly issuer: string
  /** As the issuer names them; those that are none here mean nothing. */
  readonly roles: readonly string[]
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

type TokenVerifier = (token: string) => Promise<TokenFacts>

/** Where keys are public, only signatures that need the private one; with a secret, only the one that is made for secrets. */
const publicKeyAlgorithms = ['RS256', 'ES256', 'EdDSA']
const secretAlgorithms = ['HS256']

/** How the keys of the issuer are fetched, in milliseconds. */
const defaultFetching = { timeoutDuration: 5_000, cooldownDuration: 30_000, cacheMaxAge: 600_000 }

const refused = (detail: string, cause?: unknown): AppError => new AppError('unauthenticated', detail, { cause })

/**
 * Checks JSON Web Tokens (RFC 7519, by the rules of RFC 8725): signature by one of the fixed algorithms, `iss`, `aud`, `exp`, `nbf`, and a
 * `sub`. Rejects with `unauthenticated`, or with `issuer-unavailable` where the keys cannot be had. Keys are fetched again for a key id
 * that is not known, at most once a cooldown.
 */
export function createTokenVerifier(choice: JwtChoice, fetching: Partial<typeof defaultFetching> = {}): TokenVerifier {
  const { keys, issuer, audience, clockSkew, rolesClaim } = choice
  const isSecret = 'secret' in keys
  const options = {
    algorithms: isSecret ? secretAlgorithms : publicKeyAlgorithms,
    issuer,
    audience,
    clockTolerance: clockSkew,
    requiredClaims: ['exp', 'sub'],
  }
  const keyOf: JWTVerifyGetKey = isSecret
    ? () => keys.secret
    : issuerKeys(keys.jwksUrl, { ...defaultFetching, ...fetching })

  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keyOf, options)
      const { sub, iss, exp } = payload
      if (sub === undefined || sub === '' || iss === undefined || exp === undefined)
        throw refused('The token names nobody.')
      return { subject: sub, issuer: iss, roles: rolesIn(payload, rolesClaim), expiresAt: exp * 1_000 }
    } catch (error) {
      throw error instanceof AppError ? error : refused(reasonOf(error), error)
    }
  }
}

function issuerKeys(url: URL, fetching: typeof defaultFetching): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(url, fetching)
  return async (header, token) => {
    try {
      return await remote(header, token)
    } catch (error) {
      if (isAboutToken(error)) throw error
      const detail = 'Tokens cannot be checked now, as the address that JWT_JWKS_URL names does not give its keys.'
      throw new AppError('issuer-unavailable', detail, { cause: error })
    }
  }
}

const isAboutToken = (error: unknown): boolean =>
  error instanceof errors.JWKSNoMatchingKey ||
  error instanceof errors.JWKSMultipleMatchingKeys ||
  error instanceof errors.JOSENotSupported

/** What may be told: it holds nothing that the caller does not know. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired; get a new one.'
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'nbf') return 'The token is not valid yet.'
    return `The token's claim ${error.claim} is ${error.reason === 'missing' ? 'missing' : 'not the one that is asked for here'}.`
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return 'The token is signed in a way that is not taken here.'
  return 'The token is not one of the issuer that is believed here.'
}

/** The claim, or where none has this name, what its parts between dots lead to: `realm_access.roles`. */
function rolesIn(payload: JWTPayload, claim: string): readonly string[] {
  const along = (value: unknown, name: string): unknown =>
    typeof value === 'object' && value !== null && Object.hasOwn(value, name)
      ? (value as Record<string, unknown>)[name]
      : undefined
  const value = along(payload, claim) ?? claim.split('.').reduce(along, payload)
  if (typeof value === 'string') return value.split(/[\s,]+/)
  return Array.isArray(value) ? value.filter((role) => typeof role === 'string') : []
}
