import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createFileBlobStore } from '../../../src/adapters/blob-store/files.ts'
import { createAccess } from '../../../src/api/access/access.ts'
import { createKeyStore, KEY_REFRESH } from '../../../src/api/access/key-store.ts'
import { createPrincipalNames } from '../../../src/api/access/principal-names.ts'
import { createSharedSecret } from '../../../src/api/access/shared-secret.ts'
import { AppError } from '../../../src/core/errors.ts'
import { rolePermissions } from '../../../src/core/permissions.ts'
import type { BlobStore } from '../../../src/ports/blob-store.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

const facts = { name: 'camera', role: 'publisher', scopes: null, createdBy: 'cli:x', expiresAt: null } as const

/** Several processes over one blob store, and one clock. */
async function installation() {
  const folder = join(await temporaryFolder(), 'blobs')
  let now = Date.now()
  let isAway = false
  let gets = 0
  const clock = () => now
  const replica = () => {
    const store = createFileBlobStore({ folder })
    const blobs: BlobStore = {
      ...store,
      get(key) {
        gets++
        return isAway ? Promise.reject(new AppError('blob-store-unavailable', 'It is away.')) : store.get(key)
      },
    }
    const keys = createKeyStore({ blobs, clock })
    const secret = createSharedSecret({ blobs, clock })
    const names = createPrincipalNames({ blobs, secret })
    const choice = { required: false, jwt: null, keys: [], trustedProxies: [] }
    const access = createAccess({ choice, keys, names, secret, clock })
    const open = (text: string) => access.authenticate({ type: 'bearer', text })
    return { keys, open, access, blobs, names }
  }
  return {
    replica,
    pass: (milliseconds: number) => void (now += milliseconds),
    away: (is: boolean) => void (isAway = is),
    gets: () => gets,
    clock,
  }
}

describe('keys', () => {
  it('open what their role may on every replica, and only their hash is kept', async () => {
    const { replica } = await installation()
    const [one, other] = [replica(), replica()]
    const { key, text } = await one.keys.create(facts)
    expect(text).toMatch(/^ps_[a-z2-7]{12}_[A-Za-z0-9_-]{43}$/)
    const principal = await other.open(text)
    expect(principal).toMatchObject({ id: `key:${key.id}`, name: null })
    expect([...principal.permissions]).toEqual(rolePermissions.publisher)
    const stored = Buffer.from((await one.blobs.get(`keys/${key.id}.json`)) ?? []).toString()
    expect(stored).toContain(key.hash)
    expect(stored).not.toContain(text.slice(-43))
  })

  it('open only their scopes', async () => {
    const { replica } = await installation()
    const { keys, open } = replica()
    const { text } = await keys.create({ ...facts, role: 'operator', scopes: ['metrics:read'] })
    expect([...(await open(text)).permissions]).toEqual(['metrics:read'])
  })

  it('open nothing with a wrong secret, an unknown id, or after their end', async () => {
    const { replica, pass, clock } = await installation()
    const { keys, open } = replica()
    const { key, text } = await keys.create({ ...facts, expiresAt: clock() + 60_000 })
    expect(await open(text)).toMatchObject({ id: `key:${key.id}` })
    const wrong = `${text.slice(0, -1)}${text.endsWith('A') ? 'B' : 'A'}`
    const unknown = text.replace(key.id, 'aaaaaaaaaaaa')
    for (const other of [wrong, unknown, text.slice(0, -1), `${text}A`])
      await expect(open(other)).rejects.toMatchObject({ code: 'unauthenticated' })
    pass(60_000)
    await expect(open(text)).rejects.toMatchObject({ message: 'The key has expired.' })
  })

  it('are revoked on every replica within five seconds, and never come back, whoever writes at the same time', async () => {
    const { replica, pass } = await installation()
    const [one, other] = [replica(), replica()]
    const { key, text } = await one.keys.create(facts)
    await Promise.all([one.open(text), other.open(text)])
    const revoked = await Promise.all([one.keys.revoke(key.id, 'cli:a'), other.keys.revoke(key.id, 'cli:b')])
    expect(revoked.every(({ revokedAt }) => revokedAt > 0)).toBe(true)
    await expect(one.open(text)).rejects.toMatchObject({ message: 'The key was revoked.' })
    pass(KEY_REFRESH)
    for (const { open } of [one, other, replica()])
      await expect(open(text)).rejects.toMatchObject({ message: 'The key was revoked.' })
    // A late copy of the record, as a restored backup or a slow writer would make it.
    const record = await one.blobs.get(`keys/${key.id}.json`)
    await one.blobs.put(`keys/${key.id}.json`, record ?? new Uint8Array())
    await expect(replica().open(text)).rejects.toMatchObject({ message: 'The key was revoked.' })
    const { revokedAt } = await other.keys.revoke(key.id, 'cli:c')
    expect((await other.keys.list()).map(({ revocation }) => revocation?.revokedAt)).toEqual([revokedAt])
    await expect(one.keys.revoke('bbbbbbbbbbbb', 'cli:a')).rejects.toMatchObject({ code: 'key-not-found' })
    await expect(one.keys.revoke('../secret', 'cli:a')).rejects.toMatchObject({ code: 'key-not-found' })
  })

  it('go on for ten minutes while the store is away, where they were looked up before', async () => {
    const { replica, pass, away } = await installation()
    const { keys, open } = replica()
    const [known, strange] = [await keys.create(facts), await keys.create(facts)]
    await open(known.text)
    away(true)
    pass(9 * 60_000)
    expect(await open(known.text)).toMatchObject({ id: `key:${known.key.id}` })
    await expect(open(strange.text)).rejects.toMatchObject({ code: 'blob-store-unavailable' })
    pass(61_000)
    await expect(open(known.text)).rejects.toMatchObject({ code: 'blob-store-unavailable' })
    away(false)
    expect(await open(known.text)).toMatchObject({ id: `key:${known.key.id}` })
  })

  it('are looked up once in five seconds, however many requests there are', async () => {
    const { replica, gets, pass } = await installation()
    const { keys, open } = replica()
    const { text } = await keys.create(facts)
    const before = gets()
    await Promise.all(Array.from({ length: 50 }, () => open(text)))
    await open(text)
    expect(gets() - before).toBe(2)
    pass(KEY_REFRESH)
    await open(text)
    expect(gets() - before).toBe(4)
  })
})

describe('a server without settings', () => {
  it('asks nobody who they are until a key was made, and everybody from then on', async () => {
    const { replica, pass } = await installation()
    const { keys, access } = replica()
    const nobody = () => access.authenticate(null)
    expect(await nobody()).toMatchObject({ id: 'local', proof: null })
    const { key } = await replica().keys.create(facts)
    pass(KEY_REFRESH)
    await expect(nobody()).rejects.toMatchObject({ code: 'unauthenticated' })
    await keys.revoke(key.id, 'cli:a')
    pass(KEY_REFRESH)
    await expect(nobody()).rejects.toMatchObject({ code: 'unauthenticated' })
  })
})

describe('the names of people', () => {
  it('are a digest that every process gives alike, and can be forgotten', async () => {
    const { replica } = await installation()
    const [one, other] = [replica(), replica()]
    const id = await one.names.idOf('cli', 'ada')
    expect(id).toMatch(/^cli:[A-Za-z0-9_-]{22}$/)
    expect(await other.names.idOf('cli', 'ada')).toBe(id)
    expect(await other.names.idOf('user', 'ada')).not.toContain(id.split(':')[1])
    expect(await other.names.nameOf(id)).toBeNull()
    await one.names.remember({ id, name: 'ada' })
    expect(await other.names.nameOf(id)).toBe('ada')
    await other.names.forget(id)
    expect(await one.names.nameOf(id)).toBeNull()
    expect(await one.names.nameOf('local')).toBeNull()
  })
})
