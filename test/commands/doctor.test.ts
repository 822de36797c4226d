import { createServer } from 'node:http'
import { once } from 'node:events'
import { readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createFileTracking } from '../../src/adapters/tracking/files.ts'
import { createEmbeddedIndex } from '../../src/adapters/vector-index/embedded.ts'
import { createSqliteLog } from '../../src/adapters/event-log/sqlite.ts'
import type { ServerFinding } from '../../src/bootstrap.ts'
import type { Catalogue } from '../../src/catalogue/catalogue.ts'
import type { CommandContext } from '../../src/commands/context.ts'
import { showFolding } from '../../src/commands/folding.ts'
import { examine, fact, ofServer, type Check, type Examined, type Finding } from '../../src/roles/doctor/check.ts'
import { lockFolder } from '../../src/sqlite/folder-lock.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { removalsOf } from '../fixtures/points.ts'
import { fakeTerminal } from './fake-terminal.ts'
import { startCli, type Environment } from './run-cli.ts'
import { runHere } from './run-here.ts'
import { trainedFolder } from './trained-folder.ts'

type Report = { well: boolean; checks: Examined[] }

async function examined(environment: Environment) {
  const { status, stdout, stderr } = await runHere(['doctor', '--json'], environment)
  const report = JSON.parse(stdout) as Report
  expect(report.well).toBe(status === 0)
  const of = (name: string): readonly Finding[] => report.checks.find((check) => check.name === name)?.findings ?? []
  const wrong = report.checks.filter(({ findings }) => findings.some(({ level }) => level !== 'fact'))
  return { status, stderr, of, wrong: wrong.map(({ name }) => name) }
}

describe('doctor', () => {
  it('finds nothing wrong where nothing was published, and begins nothing', async () => {
    const folder = join(await temporaryFolder(), 'data')
    const { status, wrong, of } = await examined({ DATA_DIR: folder })
    expect([status, wrong]).toEqual([0, []])
    expect(of('data folder')[0]?.text).toContain('is not there yet')
    await expect(readFile(join(folder, 'log.db'))).rejects.toThrow('ENOENT')
  })

  it('names a setting that cannot be used, and not its value', async () => {
    const { status, of, stderr } = await examined({ PORT: 'zebra' })
    expect(status).toBe(1)
    expect(of('configuration')[0]?.text).toContain('PORT: ')
    expect(JSON.stringify(of('configuration')) + stderr).not.toContain('zebra')
  })

  it('says that a file lies where the data folder should', async () => {
    const path = join(await temporaryFolder(), 'file')
    await writeFile(path, '')
    const { of } = await examined({ DATA_DIR: path })
    expect(of('data folder')).toEqual([
      { level: 'problem', text: `${path} is a file, where a folder is needed`, fix: 'Set DATA_DIR to a folder.' },
    ])
  })

  it('reports what keeps the drivers from opening: another partition count, a process that still starts', async () => {
    const folder = await temporaryFolder()
    await createSqliteLog({ path: join(folder, 'log.db'), partitions: 12 }).close()
    const changed = await examined({ DATA_DIR: folder, PARTITIONS: '6' })
    expect(changed.wrong).toEqual(['opening'])
    expect(changed.of('opening')[0]?.text).toMatch(/created with 12 partitions .*\[partition-count-changed\]/)
    const starting = await temporaryFolder()
    await createSqliteLog({ path: join(starting, 'log.db'), partitions: 12 }).close()
    const lock = lockFolder(join(starting, 'lock.db'))
    const locked = await examined({ DATA_DIR: starting })
    lock.release()
    expect(locked.of('lock')[0]?.text).toContain('works on the folder')
    expect(locked.of('opening')[0]?.text).toMatch(/still starting.*\[not-ready\]/)
    expect(locked.status).toBe(1)
  })

  it('prints a line a check, and what to do below', async () => {
    const folder = await temporaryFolder()
    const log = createSqliteLog({ path: join(folder, 'log.db'), partitions: 12, clock: () => Date.now() + 60_000 })
    await log.append([{ topic: 'pairs.dead', key: 'x', partition: 0, headers: { cause: 'wrong-id' } }])
    await log.append([{ topic: 'erasures', key: 'x', value: { pairId: 'x', imageId: 'x', state: 'requested', requestedBy: 'a', at: 1, logCleanBy: null } }]) // prettier-ignore
    await log.close()
    const { stdout, status } = await runHere(['doctor'], { DATA_DIR: folder })
    expect(stdout).toMatch(/^✓ Node\.js {7}version \d+/)
    expect(stdout).toMatch(/^✗ clock {9}the newest record in the log is of \d+\.\d s in the future\n {16}→ Have all machines/m) // prettier-ignore
    expect(stdout).toMatch(/^! dead records {2}1 \(wrong-id\)\n {16}→ See 'pairstream dead-letters list'/m)
    expect(stdout).toMatch(/\n\n1 problem, 1 thing to look at\.\n$/)
    expect(status).toBe(1)
  })

  it('waits for no check for ever, and takes what servers are found to lack as they say it', async () => {
    const hanging = await examine({ name: 'hanging', run: () => new Promise(() => undefined) }, 5)
    expect(hanging.findings).toMatchObject([{ level: 'problem', text: 'No answer within 0 s. [not-ready]' }])
    const driver = (...found: ServerFinding[]) => examine(ofServer({ name: 'server', run: async () => found }))
    expect((await driver()).findings).toMatchObject([{ level: 'fact' }])
    const [warning, problem] = [
      { level: 'warning', text: 'It works.' },
      { level: 'problem', text: 'Start it.' },
    ] as const
    expect((await driver(warning, problem)).findings).toEqual([
      { ...warning, fix: null },
      { ...problem, fix: null },
    ])
  })

  it('waits for a check for as long as it comes further', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const slow: Check = {
      name: 'slow',
      async run(advanced) {
        for (let step = 0; step < 10; step++) {
          await new Promise((resolve) => setTimeout(resolve, 900))
          advanced()
        }
        return [fact('there')]
      },
    }
    const examining = examine(slow, 1_000)
    await vi.runAllTimersAsync()
    expect((await examining).findings).toEqual([fact('there')])
  })

  it('says how far the catalogue is where it is folded anew, for as long as that lasts', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const terminal = fakeTerminal()
    const folding = showFolding({ stderr: terminal } as unknown as CommandContext)
    let pairs = 0
    const catalogue = { counts: () => ({ pairs }) } as Catalogue
    folding.look(catalogue)
    expect(terminal.written()).toBe('')
    for (const count of [40_000, 80_000]) {
      vi.advanceTimersByTime(3_000)
      pairs = count
      folding.look(catalogue)
    }
    vi.advanceTimersByTime(1_000)
    expect(terminal.screen().join()).toMatch(/folding the log.*80,000/)
    folding.stop()
    expect(terminal.screen()).toEqual([])
  })

  it('asks a server that is away as a check of its own', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    const { of, status } = await examined({ DATA_DIR: await temporaryFolder(), INDEX_URL: `http://127.0.0.1:${port}` })
    expect(of('Qdrant')[0]).toMatchObject({ level: 'problem', text: expect.stringContaining('Qdrant') as string })
    expect(status).toBe(1)
  })

  describe('where a model serves', { timeout: 60_000 }, () => {
    let root: string
    let environment: Environment
    const folder = (name: string) => join(root, 'data', name)

    beforeAll(async () => {
      ;({ root, environment } = await trainedFolder())
    }, 60_000)
    afterAll(() => rm(root, { recursive: true, force: true }))

    it('finds all well, alone and beside a process that serves', async () => {
      const alone = await examined(environment)
      expect([alone.wrong, alone.status]).toEqual([[], 0])
      expect(alone.of('index')[0]?.text).toMatch(/^g1-\w+ holds 24 of 24 images, 48 of 48 captions$/)
      const serving = startCli(['serve'], { ...environment, PORT: '0', LOG_LEVEL: 'warn' })
      await serving.nextLine()
      const beside = await examined(environment)
      serving.kill('SIGTERM')
      await serving.ended
      expect([beside.wrong, beside.status]).toEqual([[], 0])
      expect(beside.of('lock')[0]?.text).toMatch(/process .*works on the folder/)
    })

    it('sees points that the index has lost, and says how they come back', async () => {
      const index = createEmbeddedIndex({ folder: folder('index'), writable: true })
      const generation = (await index.generations())[0]?.generation ?? ''
      const ids: string[] = []
      for await (const id of index.ids(generation, 'captions')) ids.push(id)
      await index.remove(generation, 'captions', removalsOf(ids.slice(40)))
      await index.close()
      const { of, wrong } = await examined(environment)
      expect(wrong).toEqual(['index'])
      expect(of('index')).toMatchObject([
        {
          text: `${generation} holds 24 of 24 images, 40 of 48 captions, and its group has read everything`,
          fix: expect.stringContaining(`'pairstream replay --from 0 --generation ${generation}'`) as string,
        },
      ])
    })

    it('sees a generation that no release knows of', async () => {
      const index = createEmbeddedIndex({ folder: folder('index'), writable: true })
      await index.create('g4-0badcafe', 8)
      await index.close()
      const { of, status } = await examined(environment)
      expect(of('index').filter(({ level }) => level === 'warning')).toMatchObject([
        { text: 'no release knows of g4-0badcafe', fix: expect.stringContaining(folder('index')) as string },
      ])
      expect(status).toBe(of('index').some(({ level }) => level === 'problem') ? 1 : 0)
    })

    it('sees aliases that do not follow the releases', async () => {
      const tracking = createFileTracking({ folder: folder('tracking') })
      const champion = (await tracking.aliases())['champion'] ?? ''
      await tracking.setAlias('champion', null)
      const { of } = await examined(environment)
      await tracking.setAlias('champion', champion)
      await tracking.close()
      expect(of('tracking')).toMatchObject([{ level: 'warning', text: expect.stringContaining('champion is nobody') as string }]) // prettier-ignore
    })

    it('sees a damaged file of the champion', async () => {
      const shown = await runHere(['models', 'show', 'champion', '--json'], environment)
      const { manifest } = JSON.parse(shown.stdout) as { manifest: { files: { path: string; sha256: string }[] } }
      const file = manifest.files.find(({ path }) => path.endsWith('.onnx'))
      await writeFile(folder(`blobs/models/${file?.sha256 ?? ''}`), 'damaged')
      const { of } = await examined(environment)
      expect(of('model')[0]).toMatchObject({
        level: 'problem',
        text: expect.stringContaining(`${file?.path ?? ''} is damaged in the blob store`) as string,
        fix: expect.stringContaining('models revert') as string,
      })
    })
  })
})
