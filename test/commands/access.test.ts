import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openPlatform } from '../../src/bootstrap.ts'
import { loadConfig } from '../../src/config.ts'
import { openDatabase, type Database } from '../../src/sqlite/database.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { drawPictures } from './picture-folder.ts'
import { startCli } from './run-cli.ts'
import { runHere } from './run-here.ts'

async function installation() {
  const environment = { DATA_DIR: join(await temporaryFolder(), 'data'), LOG_LEVEL: 'silent', PORT: '0' }
  const run = (...words: string[]) => runHere(words, environment)
  const json = async (...words: string[]) => {
    const { status, stdout, stderr } = await run(...words, '--json')
    if (status !== 0) throw new Error(stderr)
    return JSON.parse(stdout) as unknown
  }
  return { environment, run, json }
}

type Key = { readonly id: string; readonly key: string }
type Listed = { readonly id: string; readonly state: string }
type Entry = {
  readonly principalName: string | null
  readonly action: string
  readonly object: string | null
  readonly outcome: string
  readonly count: number
}
const told = (entries: unknown): string[] =>
  (entries as Entry[]).map(
    ({ principalName, action, outcome, count }) => `${principalName ?? '?'} ${action} ${outcome} ${count}`,
  )

describe('pairstream keys', () => {
  it('opens a running server, and closes it again, without a restart', async () => {
    const { environment, run, json } = await installation()
    const first = await run('keys', 'create', '--role', 'reader', '--name', 'the shop')
    expect(first).toMatchObject({ status: 0, stdout: expect.stringMatching(/^ps_[a-z2-7]{12}_[\w-]{43}\n$/) as string })
    expect(first.stderr).toContain('not shown again')
    const server = startCli(['serve'], environment)
    onTestFinished(async () => {
      server.kill('SIGTERM')
      await server.ended
    })
    const address = /http:[^\s]+/.exec(await server.nextLine())?.[0] ?? ''
    const status = async (path: string, key: string | null) =>
      (await fetch(`${address}${path}`, key === null ? {} : { headers: { 'x-api-key': key } })).status
    const key = first.stdout.trim()
    expect([await status('/v1/status', null), await status('/v1/status', key), await status('/metrics', key)]).toEqual([401, 200, 403]) // prettier-ignore

    const { id, key: metrics } = (await json('keys', 'create', '--role', 'operator', '--scope', 'metrics:read', '--expires', '1d')) as Key // prettier-ignore
    expect([await status('/metrics', metrics), await status('/v1/status', metrics)]).toEqual([200, 403])
    expect((await run('keys', 'revoke', id)).status).toBe(0)
    const isOpen = async () => (await status('/metrics', metrics)) === 200
    const revokedAt = Date.now()
    while (await isOpen()) await new Promise((resolve) => setTimeout(resolve, 100))
    expect(Date.now() - revokedAt).toBeLessThan(6_000)
    const listed = (await json('keys', 'list')) as Listed[]
    expect(listed.map(({ state }) => state)).toEqual(['valid', 'revoked'])
    expect((await run('keys', 'list')).stdout).toContain('the shop')
  })

  it('says what it does not take', async () => {
    const { run } = await installation()
    expect((await run('keys', 'create')).stderr).toContain('--role')
    expect((await run('keys', 'create', '--role', 'root')).stderr).toContain('reader, publisher, operator, admin')
    expect((await run('keys', 'create', '--role', 'reader', '--scope', 'metrics:read')).stderr).toContain('the role reader does not have it') // prettier-ignore
    expect((await run('keys', 'create', '--role', 'reader', '--expires', '2001-01-01T00:00:00Z')).stderr).toContain('over already') // prettier-ignore
    expect(await run('keys', 'revoke', 'aaaaaaaaaaaa')).toMatchObject({ status: 2, stderr: expect.stringContaining('key-not-found') as string }) // prettier-ignore
  })
})

describe('pairstream audit', () => {
  it('has what commands did, by whom, and forgets the names of people when it is told to', async () => {
    const { run, json } = await installation()
    const folder = await temporaryFolder()
    for (const { name, captions } of await drawPictures(folder, 3))
      await writeFile(join(folder, name.replace('.jpg', '.txt')), captions[0] ?? '')
    await run('publish', folder)
    await run('keys', 'create', '--role', 'reader', '--by', 'ada-lovelace')
    await run('erase', '0f6d1f0a-5c34-5c27-9d3f-6f2a55b2f5a1', '--by', 'ada-lovelace')
    const entries = (await json('audit', 'list', '--by', 'grace')) as Entry[]
    const [publisher] = told(entries)[0]?.split(' ') ?? []
    expect(told(entries)).toEqual([
      `${publisher ?? ''} pairs:publish asked 1`,
      `${publisher ?? ''} pairs:publish ok 3`,
      'ada-lovelace keys:create asked 1',
      'ada-lovelace keys:create ok 1',
      'ada-lovelace pairs:erase asked 1',
      'ada-lovelace pairs:erase pair-not-found 0',
      'grace audit:read ok 1',
    ])
    expect(JSON.stringify(entries.map((entry) => ({ ...entry, principalName: null })))).not.toContain('ada-lovelace')
    expect(told(await json('audit', 'list', '--principal', 'grace', '--by', 'grace')).at(-1)).toBe(
      'grace audit:read ok 1',
    )
    expect((await run('audit', 'list', '--since', '2200-01-01T00:00:00Z')).stderr).toContain('Nothing fits')

    expect((await run('audit', 'forget', 'ada-lovelace', '--by', 'grace')).status).toBe(0)
    expect((await run('audit', 'list', '--by', 'grace')).stdout).not.toContain('ada-lovelace')
    expect((await json('audit', 'verify')) as object).toMatchObject({ faults: [], missing: [] })
    expect((await run('audit', 'forget', 'ada-lovelace')).stderr).toContain('No name is kept')
  })

  it('verifies the chain, and finds what was changed and what was cut off', async () => {
    const { environment, run, json } = await installation()
    for (const name of ['one', 'two', 'three']) await run('keys', 'create', '--role', 'reader', '--name', name)
    const { head, entries } = (await json('audit', 'verify')) as { head: string; entries: number }
    expect(entries).toBe(6)
    const intact = await run('audit', 'verify', '--expect', head)
    expect(intact).toMatchObject({ status: 0, stdout: expect.stringContaining('all as they were written') as string })

    const inLog = <T>(body: (database: Database) => T): T => {
      const database = openDatabase(join(environment.DATA_DIR, 'log.db'))
      try {
        return body(database)
      } finally {
        database.close()
      }
    }
    const record = "record WHERE topic = 'audit' AND offset"
    const [kept] = inLog((database) =>
      database.prepare<{ hex: string }>(`SELECT hex(value) AS hex FROM ${record} = 2`).all(),
    )
    const hexOf = (text: string): string => Buffer.from(text).toString('hex').toUpperCase()
    const original = kept?.hex ?? ''
    const changed = original.replace(hexOf('keys:create'), hexOf('keys:revoke'))
    expect(changed).not.toBe(original)
    const write = (hex: string) =>
      inLog((database) => database.exec(`UPDATE record SET value = x'${hex}' WHERE topic = 'audit' AND offset = 2`))
    write(changed)
    const found = await run('audit', 'verify')
    expect(found).toMatchObject({ status: 1, stdout: expect.stringMatching(/^Record 2 .* was changed/) as string })
    expect(found.stderr).toContain('audit-broken')
    write(original)
    expect((await run('audit', 'verify')).status).toBe(0)

    inLog((database) => {
      database.exec(`DELETE FROM ${record} >= 3; UPDATE topic_partition SET next_offset = 3 WHERE topic = 'audit'`)
    })
    expect((await run('audit', 'verify')).status).toBe(0)
    const missing = await run('audit', 'verify', '--expect', head)
    expect(missing).toMatchObject({ status: 1, stdout: expect.stringContaining('something was cut off') as string })
    expect((await run('audit', 'verify', '--expect', 'nonsense')).status).toBe(2)
  })

  it('is written before a change is made: without it, nothing is', async () => {
    const { environment, run } = await installation()
    await run('keys', 'create', '--role', 'reader')
    const database = openDatabase(join(environment.DATA_DIR, 'log.db'))
    database.exec("DELETE FROM topic_partition WHERE topic = 'audit'")
    database.close()
    expect((await run('keys', 'create', '--role', 'admin')).status).not.toBe(0)
    const platform = await openPlatform(loadConfig(environment), 'own')
    const keys: string[] = []
    for await (const { key } of platform.blobs.list('keys/')) keys.push(key)
    await platform.close()
    expect(keys).toHaveLength(1)
  })
})
