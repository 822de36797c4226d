import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { captionedFolder } from './picture-folder.ts'
import { runCli, startCli, type Ended, type Environment, type RunningCli } from './run-cli.ts'
import { runHere } from './run-here.ts'
import { lockFolder } from '../../src/sqlite/folder-lock.ts'

type Report = {
  accepted: number
  duplicate: number
  rejected: number
  rejections: { code: string }[]
  interrupted: boolean
}
type Found = {
  hits: { rank: number; score: number; source: string; captions: { pairId: string; caption: string }[] }[]
}

const json = ({ stdout }: Ended): unknown => JSON.parse(stdout)
const report = (ended: Ended) => json(ended) as Report
const found = (ended: Ended) => json(ended) as Found

/** One data folder through its life; each step builds on the ones before, as a person would go. */
describe('a data folder on the command line', () => {
  let root: string
  let pictures: string
  let environment: Environment
  const run = (...words: string[]): Promise<Ended> => runCli(words, environment)
  /** In this process, which to a process that serves is another all the same. */
  const runBeside = (...words: string[]): Promise<Ended> => runHere(words, environment)

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'pairstream-'))
    pictures = join(root, 'pictures')
    environment = { DATA_DIR: join(root, 'data'), PORT: '0' }
    await captionedFolder(pictures, 8)
    await writeFile(join(pictures, 'letter.jpg'), 'dear reader')
  })
  afterAll(() => rm(root, { recursive: true, force: true }))

  describe('alone', () => {
    it('publishes what it can, and says what it cannot and why', async () => {
      const { status, stdout, stderr } = await run('publish', pictures)
      expect(stdout).toMatch(/accepted +16\n/)
      expect(stdout).toMatch(/image-type-refused +1 +folder:letter\.jpg +By its content/)
      expect(stderr).toContain('✓ publish')
      expect(status).toBe(4)
    })

    it('publishes nothing twice, searches by words, and wants a model for meanings', async () => {
      const [again, words, meanings] = [
        await runBeside('publish', pictures, '--json'),
        await runBeside('search', '--mode', 'text', 'purple bar', '--top-k', '2', '--json'),
        await run('search', 'purple'),
      ]
      expect(report(again)).toMatchObject({ accepted: 0, duplicate: 16, rejected: 1, interrupted: false })
      expect(found(words).hits[0]).toMatchObject({ rank: 1, source: 'folder:picture-004.jpg' })
      expect(meanings.stderr).toMatch(/no model yet: .*--mode text.* pairs are missing/)
      expect(meanings.status).toBe(3)
    })
  })

  describe('beside a process that serves', () => {
    let server: RunningCli
    let address: string

    beforeAll(async () => {
      server = startCli(['serve'], environment)
      address = /http:\S+/.exec(await server.nextLine())?.[0] ?? ''
    })
    afterAll(() => server.kill('SIGKILL'))

    it('is served, and says so', async () => {
      const health = await fetch(`${address}/health/live`)
      expect(health.status).toBe(200)
      const { stdout } = await runBeside('status', '--json')
      expect(JSON.parse(stdout)).toMatchObject({ running: true, images: 8, pairs: 16, model: null, releases: [] })
    })

    it('is not served twice, nor from a port that is taken', async () => {
      const elsewhere = { ...environment, DATA_DIR: join(root, 'elsewhere') }
      const [locked, taken] = await Promise.all([
        runBeside('serve'),
        runCli(['serve', '--roles', 'api', '--port', new URL(address).port], elsewhere),
      ])
      expect(locked.stderr).toMatch(/^error: .*\[data-folder-locked\]\n$/m)
      expect(locked.status).toBe(3)
      expect(taken.stderr).toMatch(/^error: The port is in use: .*\[port-in-use\]\n$/m)
      expect(taken.status).toBe(3)
    })

    it('takes what is published beside it', async () => {
      const more = join(root, 'more')
      await captionedFolder(more, 9)
      const published = await runBeside('publish', more, '--json')
      expect(report(published)).toMatchObject({ accepted: 2, duplicate: 16, rejected: 0 })
      expect(published.status).toBe(0)
      const answer = async () => (await fetch(`${address}/v1/search?mode=text&q=number+8`)).text()
      await vi.waitFor(async () => expect(await answer()).toContain('a white bar on blue, number 8'), 10_000)
    })

    it('erases, refuses what was erased, and restores', async () => {
      const { hits } = found(await runBeside('search', '--mode', 'text', 'number 3', '--json'))
      const pairId = hits[0]?.captions.find(({ caption }) => caption.endsWith('number 3'))?.pairId ?? ''
      const erased = await runBeside('erase', pairId, '--by', 'ada', '--json')
      expect(json(erased)).toEqual({ pairId, state: 'requested', requestedBy: 'ada' })
      expect(report(await runBeside('publish', pictures, '--json')).rejections).toContainEqual(
        expect.objectContaining({ code: 'pair-erased' }),
      )
      expect((await runBeside('restore', pairId)).status).toBe(0)
      expect(report(await runBeside('publish', pictures, '--json'))).toMatchObject({ accepted: 1 })
    })

    it('is let go by SIGTERM, which is no failure', async () => {
      server.kill('SIGTERM')
      const { status, stderr } = await server.ended
      expect(status).toBe(0)
      expect(stderr).toContain('Stopping')
    }, 10_000)
  })

  it('keeps pictures in no folder of its own where other roles are elsewhere, unless one is named', async () => {
    const away = 'http://127.0.0.1:1'
    const servers = { EVENT_LOG_URL: 'kafka://127.0.0.1:1', SCHEMA_REGISTRY_URL: away, INDEX_URL: away }
    const kafka = { DATA_DIR: join(root, 'role'), PORT: '0', ...servers }
    for (const roles of ['api', 'count', 'embed,train,release,erase']) {
      const refused = await runHere(['serve', '--roles', roles], kafka)
      expect([refused.status, refused.stderr]).toEqual([
        2,
        expect.stringMatching(/BLOB_URL: .*\[configuration-invalid\]/),
      ])
    }
    const shared = startCli(['serve', '--roles', 'api'], { ...kafka, BLOB_URL: `file:${join(root, 'shared')}` })
    const whole = startCli(['serve'], { ...kafka, DATA_DIR: join(root, 'whole') })
    for (const serving of [shared, whole]) {
      await serving.said(/Waiting: /)
      serving.kill('SIGTERM')
      expect((await serving.ended).status).toBe(0)
    }
  })

  it('follows a folder until it is told to stop', async () => {
    const watched = join(root, 'watched')
    await captionedFolder(watched, 10)
    const watching = startCli(['publish', watched, '--watch', '--json'], environment)
    await watching.said(/picture-009\.jpg: 2 new pairs/)
    // However long it watches, it keeps nobody from serving.
    lockFolder(join(environment['DATA_DIR'] ?? '', 'lock.db')).release()
    watching.kill('SIGINT')
    const ended = await watching.ended
    expect(ended.status).toBe(0)
    expect(report(ended)).toMatchObject({ accepted: 2, rejected: 0 })
  })

  it('stops publishing when it is interrupted, with all that it counted in the log', async () => {
    const list = join(root, 'many.jsonl')
    const lines = Array.from({ length: 30_000 }, (_, n) =>
      JSON.stringify({ image: 'pictures/picture-000.jpg', caption: `picture ${n}` }),
    )
    await writeFile(list, lines.join('\n'))
    const elsewhere = { DATA_DIR: join(root, 'interrupted') }
    const publishing = startCli(['publish', list, '--json'], elsewhere)
    await publishing.said(/▸ publish/)
    publishing.kill('SIGINT')
    const ended = await publishing.ended
    expect(ended.status).toBe(130)
    const { accepted, interrupted } = report(ended)
    expect(interrupted).toBe(true)
    expect(accepted).toBeLessThan(lines.length)
    expect(json(await runHere(['status', '--json'], elsewhere))).toMatchObject({ pairs: accepted })
  })

  it('says nothing when the reader of its output has had enough', async () => {
    const listing = startCli(['config', '--markdown'], environment)
    listing.stopReading()
    expect(await listing.ended).toMatchObject({ status: 0, stderr: '' })
  })
})
