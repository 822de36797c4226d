import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chooseKafkaSecurity, type KafkaSecuritySettings } from '../src/kafka-security.ts'

const authority = rootCertificates[0] ?? ''
let folder: string
const named = (name: string) => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pairstream-'))
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  await writeFile(named('ca.pem'), authority)
  await writeFile(named('other.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  await writeFile(named('garbage.pem'), 'hidden')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const chosen = (settings: Partial<KafkaSecuritySettings>) => chooseKafkaSecurity({ KAFKA_TLS: 'true', ...settings })
const signedIn = { KAFKA_SASL_USERNAME: 'us', KAFKA_SASL_PASSWORD: 'hidden' }

describe('how the brokers are spoken to', () => {
  it('is in clear text and without a user where nothing is said', () => {
    expect(chosen({ KAFKA_TLS: 'false' })).toEqual({ tls: false, sasl: undefined })
  })

  it('is by `plain` where a user has no mechanism', () => {
    expect(chosen(signedIn).sasl).toEqual({ mechanism: 'plain', username: 'us', password: 'hidden' })
  })

  it('trusts the authorities of a file', () => {
    expect(chosen({ KAFKA_TLS_CA: named('ca.pem') }).tls).toEqual({ ca: authority })
    expect(chosen({}).tls).toBe(true)
  })

  it.each([
    ['KAFKA_SASL_MECHANISM', { KAFKA_SASL_MECHANISM: 'scram-sha-512' }],
    ['KAFKA_SASL_PASSWORD', { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'us' }],
    ['KAFKA_SASL_USERNAME', { KAFKA_SASL_PASSWORD: 'hidden' }],
  ] as const)('is refused for %s instead of going on without signing in', (name, settings) => {
    expect(() => chosen(settings)).toThrow(expect.objectContaining({ code: 'configuration-invalid' }))
    expect(() => chosen(settings)).toThrow(new RegExp(`^${name}: (?!.*hidden)`))
  })

  it.each([
    ['KAFKA_TLS_CA: it needs TLS', { KAFKA_TLS: 'false', KAFKA_TLS_CA: 'ca.pem' }],
    ['KAFKA_TLS_CA: the file cannot be read', { KAFKA_TLS_CA: 'missing.pem' }],
    ['KAFKA_TLS_CA: the file is no certificate', { KAFKA_TLS_CA: 'garbage.pem' }],
    ['KAFKA_TLS_KEY: there is a certificate', { KAFKA_TLS_CERT: 'ca.pem' }],
    ['KAFKA_TLS_CERT: there is a key', { KAFKA_TLS_KEY: 'other.pem' }],
    ['KAFKA_TLS_CERT: the file is no certificate', { KAFKA_TLS_CERT: 'other.pem', KAFKA_TLS_KEY: 'other.pem' }],
    ['KAFKA_TLS_KEY: the file is no private key', { KAFKA_TLS_CERT: 'ca.pem', KAFKA_TLS_KEY: 'ca.pem' }],
    ['KAFKA_TLS_KEY: it is not the key', { KAFKA_TLS_CERT: 'ca.pem', KAFKA_TLS_KEY: 'other.pem' }],
  ] as const)('is refused with %s', (message, settings) => {
    const paths = Object.entries(settings).map(([name, value]) => [name, name === 'KAFKA_TLS' ? value : named(value)])
    expect(() => chosen(Object.fromEntries(paths) as Partial<KafkaSecuritySettings>)).toThrow(message)
  })
})
