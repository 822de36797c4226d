import { describe, expect, it } from 'vitest'
import { isLoopback, requireCredentialsFor } from '../src/access-settings.ts'
import { loadConfig } from '../src/config.ts'
import { sha256Hex } from '../src/core/ids.ts'

const SECRET = 'x'.repeat(32)
const tokens = { JWT_SECRET: SECRET, JWT_ISSUER: 'https://issuer.test/', JWT_AUDIENCE: 'pairstream' }
const JWKS = { ...tokens, JWT_SECRET: '' }

describe('the settings of access', () => {
  it('ask nobody by default, and whoever calls once there is a credential or they say so', () => {
    expect(loadConfig({}).access).toEqual({ required: false, jwt: null, keys: [], trustedProxies: [] })
    expect(loadConfig({ REQUIRE_CREDENTIALS: 'true' }).access.required).toBe(true)
    expect(loadConfig(tokens).access).toMatchObject({ required: true, jwt: { clockSkew: 30, rolesClaim: 'roles' } })
    expect(loadConfig({ API_KEYS: 'reader:0123456789abcdef' }).access.required).toBe(true)
  })

  it('name keys with a role and scopes, as they are or as their hash', () => {
    const key = 'a-key-of-somebody'
    const { keys } = loadConfig({
      API_KEYS: `admin:${key}, operator/metrics:read+status:read:sha256=${sha256Hex('x')}`,
    }).access
    expect(keys).toEqual([
      { role: 'admin', scopes: null, hash: sha256Hex(key) },
      { role: 'operator', scopes: ['metrics:read', 'status:read'], hash: sha256Hex('x') },
    ])
  })

  it.each([
    ['a secret that is short', { ...tokens, JWT_SECRET: 'x'.repeat(31) }, 'JWT_SECRET'],
    ['a secret without an issuer', { ...tokens, JWT_ISSUER: '' }, 'JWT_ISSUER'],
    ['a secret without an audience', { ...tokens, JWT_AUDIENCE: '' }, 'JWT_AUDIENCE'],
    ['an issuer without keys', { JWT_ISSUER: 'x' }, 'JWT_ISSUER'],
    ['an audience without keys', { JWT_AUDIENCE: 'x' }, 'JWT_AUDIENCE'],
    ['two kinds of keys', { ...tokens, JWT_JWKS_URL: 'https://issuer.test/keys' }, 'JWT_JWKS_URL'],
    ['keys in clear text over the network', { ...JWKS, JWT_JWKS_URL: 'http://issuer.test/keys' }, 'JWT_JWKS_URL'],
    ['keys at no address', { ...JWKS, JWT_JWKS_URL: 'issuer' }, 'JWT_JWKS_URL'],
    ['a role that there is not', { API_KEYS: 'root:0123456789abcdef' }, 'API_KEYS'],
    ['a permission that there is not', { API_KEYS: 'admin/all:0123456789abcdef' }, 'API_KEYS'],
    ['a key that is short', { API_KEYS: 'admin:0123456789abcde' }, 'API_KEYS'],
    ['a key without a role', { API_KEYS: '0123456789abcdef' }, 'API_KEYS'],
    ['proxies that are no addresses', { TRUSTED_PROXIES: 'proxy.test' }, 'TRUSTED_PROXIES'],
    ['a network that is none', { TRUSTED_PROXIES: '10.0.0.0/33' }, 'TRUSTED_PROXIES'],
  ])('are refused by name and without their value: %s', (_, environment, name) => {
    const load = () => loadConfig(environment)
    expect(load).toThrow(new RegExp(`^${name}: `))
    for (const value of Object.values(environment))
      if (value.length > 10) expect(load).not.toThrow(new RegExp(value.replaceAll(/[^\w]/g, '.')))
  })

  it('take keys from this machine in clear text', () => {
    const { jwt } = loadConfig({ ...JWKS, JWT_JWKS_URL: 'http://127.0.0.1:9000/keys' }).access
    expect(jwt?.keys).toEqual({ jwksUrl: new URL('http://127.0.0.1:9000/keys') })
  })
})

describe('the address to listen on', () => {
  it.each([
    ['127.0.0.1', true],
    ['127.255.0.3', true],
    ['::1', true],
    ['[::1]', true],
    ['LOCALHOST', true],
    ['0.0.0.0', false],
    ['::', false],
    ['192.0.2.1', false],
    ['127.0.0.1.example', false],
    ['127.1', false],
    ['localhost.example', false],
  ])('%s is one of this machine alone: %s', (host, isOwn) => {
    expect(isLoopback(host)).toBe(isOwn)
    const listen = (environment: Record<string, string>) => () =>
      requireCredentialsFor(host, loadConfig(environment).access)
    if (isOwn) expect(listen({})).not.toThrow()
    else
      expect(listen({})).toThrow(/^HOST: .*JWT_SECRET.*JWT_JWKS_URL.*REQUIRE_CREDENTIALS=true.*pairstream keys create/)
    for (const environment of [tokens, { REQUIRE_CREDENTIALS: 'true' }]) expect(listen(environment)).not.toThrow()
  })
})
