import { exportSPKI, importJWK, UnsecuredJWT, type CryptoKey, type JWTPayload } from 'jose'
import { describe, expect, it } from 'vitest'
import type { JwtChoice } from '../../../src/access-settings.ts'
import { createTokenVerifier } from '../../../src/api/access/jwt.ts'
import { AUDIENCE, claims, ISSUER, signed, signedWith, signingKey, startIssuer } from './issuer.ts'

const SECRET = 'a secret that is long enough for HS256'
const now = () => Math.floor(Date.now() / 1_000)

const choice = (keys: JwtChoice['keys'], changes: Partial<JwtChoice> = {}): JwtChoice => ({
  keys,
  issuer: ISSUER,
  audience: AUDIENCE,
  clockSkew: 30,
  rolesClaim: 'roles',
  ...changes,
})
const bySecret = choice({ secret: new TextEncoder().encode(SECRET) })

const withClaims = (changes: JWTPayload) => () => signedWith(SECRET, claims(changes))
const refused: Readonly<Record<string, readonly [() => Promise<string> | string, RegExp]>> = {
  'a text that is none': [() => 'nonsense', /not one of the issuer/],
  'alg none': [() => new UnsecuredJWT(claims()).encode(), /way that is not taken/],
  'another algorithm with the right secret': [() => signedWith(SECRET, claims(), 'HS384'), /way that is not taken/],
  'another secret': [() => signedWith(`${SECRET}!`), /not one of the issuer/],
  'a changed payload': [
    async () => {
      const [header, , signature] = (await signedWith(SECRET)).split('.')
      const payload = Buffer.from(JSON.stringify(claims({ roles: ['admin'] }))).toString('base64url')
      return [header, payload, signature].join('.')
    },
    /not one of the issuer/,
  ],
  'one that has expired': [withClaims({ exp: now() - 60 }), /has expired/],
  'no end': [withClaims({ exp: undefined }), /claim exp is missing/],
  'an end that is no time': [withClaims({ exp: 'tomorrow' as unknown as number }), /exp is not the one/],
  'one that is not valid yet': [withClaims({ nbf: now() + 90 }), /not valid yet/],
  'another audience': [withClaims({ aud: 'elsewhere' }), /claim aud is not the one/],
  'no audience': [withClaims({ aud: undefined }), /claim aud is missing/],
  'another issuer': [withClaims({ iss: `${ISSUER}other` }), /claim iss is not the one/],
  'no issuer': [withClaims({ iss: undefined }), /claim iss is missing/],
  'nobody named': [withClaims({ sub: undefined }), /claim sub is missing/],
  'an empty name': [withClaims({ sub: '' }), /names nobody/],
}

describe('tokens signed with a secret', () => {
  it('are believed, and say who and until when', async () => {
    const exp = now() + 100
    const token = await signedWith(SECRET, claims({ sub: 'ada', exp, roles: ['operator', 'other'] }))
    const facts = { subject: 'ada', issuer: ISSUER, roles: ['operator', 'other'], expiresAt: exp * 1_000 }
    expect(await createTokenVerifier(bySecret)(token)).toEqual(facts)
  })

  it.each(Object.entries(refused))('are refused: %s', async (_, [token, reason]) => {
    const verification = createTokenVerifier(bySecret)(await token())
    await expect(verification).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.stringMatching(reason) as string,
    })
  })

  it('may be off by the clock skew', async () => {
    const verify = createTokenVerifier(bySecret)
    for (const changes of [{ exp: now() - 20 }, { nbf: now() + 20 }])
      expect(await verify(await signedWith(SECRET, claims(changes)))).toMatchObject({ subject: 'ada' })
  })

  it.each([
    ['roles', { roles: 'reader publisher' }],
    ['realm_access.roles', { realm_access: { roles: ['reader', 'publisher'] } }],
    ['https://issuer.test/roles', { 'https://issuer.test/roles': ['reader', 'publisher'] }],
  ])('name roles in the claim %s', async (rolesClaim, changes) => {
    const token = await signedWith(SECRET, claims({ roles: undefined, ...changes }))
    const { roles } = await createTokenVerifier({ ...bySecret, rolesClaim })(token)
    expect(roles).toEqual(['reader', 'publisher'])
    const otherwise = await createTokenVerifier({ ...bySecret, rolesClaim: 'constructor.name' })(token)
    expect(otherwise.roles).toEqual([])
  })
})

describe('tokens signed with keys of an issuer', () => {
  it.each(['RS256', 'ES256', 'EdDSA'])('are believed with %s', async (alg) => {
    const key = await signingKey(alg, 'one')
    const { url } = await startIssuer([key])
    const verify = createTokenVerifier(choice({ jwksUrl: url }))
    expect(await verify(await signed(key))).toMatchObject({ subject: 'ada', roles: ['reader'] })
    const forger = await signingKey(alg, 'one')
    await expect(verify(await signed(forger))).rejects.toMatchObject({ code: 'unauthenticated' })
  })

  it('are refused where the public key was used as a secret, and with algorithms that are not on the list', async () => {
    const [listed, other] = [await signingKey('RS256', 'one'), await signingKey('PS256', 'two')]
    const { url, asked } = await startIssuer([listed, other])
    const verify = createTokenVerifier(choice({ jwksUrl: url }))
    const asSecret = await signedWith(await exportSPKI((await importJWK(listed.jwk)) as CryptoKey))
    for (const token of [asSecret, await signed(other), new UnsecuredJWT(claims()).encode()])
      await expect(verify(token)).rejects.toMatchObject({ code: 'unauthenticated' })
    // None of them is worth a look at the issuer's keys.
    expect(asked()).toBe(0)
  })

  it('follow a rotation, and a key that is not known is asked for once a cooldown', async () => {
    const [old, young] = [await signingKey('ES256', 'old'), await signingKey('ES256', 'young')]
    const { url, rotate, asked } = await startIssuer([old])
    const eager = createTokenVerifier(choice({ jwksUrl: url }), { cooldownDuration: 0 })
    expect(await eager(await signed(old))).toMatchObject({ subject: 'ada' })
    rotate([young])
    expect(await eager(await signed(young))).toMatchObject({ subject: 'ada' })
    await expect(eager(await signed(old))).rejects.toMatchObject({ code: 'unauthenticated' })

    const patient = createTokenVerifier(choice({ jwksUrl: url }))
    await patient(await signed(young))
    const before = asked()
    const unknown = await signed(old)
    for (let time = 0; time < 5; time++)
      await expect(patient(unknown)).rejects.toMatchObject({ code: 'unauthenticated' })
    expect(asked()).toBe(before)
  })

  it('cannot be checked while the issuer is away, which is no fault of the caller, and are again when it is back', async () => {
    const key = await signingKey('ES256', 'one')
    const issuer = await startIssuer([key])
    await issuer.stop()
    const verify = createTokenVerifier(choice({ jwksUrl: issuer.url }))
    await expect(verify(await signed(key))).rejects.toMatchObject({ code: 'issuer-unavailable', kind: 'unavailable' })
    await issuer.startAgain()
    expect(await verify(await signed(key))).toMatchObject({ subject: 'ada' })
    await issuer.stop()
    // What was fetched holds for a while.
    expect(await verify(await signed(key))).toMatchObject({ subject: 'ada' })
  })
})
