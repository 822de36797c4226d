import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from './fixtures/temporary-folder.ts'

const root = resolve(import.meta.dirname, '..')
const QDRANT = 'test/servers/qdrant.test.ts'

/** What a run of its own says of one file of tests, and how it ends. Neither CI nor QDRANT_URL is set, unless said. */
async function runTests(
  path: string,
  text: string,
  { values = [], variables = {} }: { values?: readonly string[]; variables?: Readonly<Record<string, string>> } = {},
) {
  const folder = await temporaryFolder()
  const reporter = JSON.stringify(pathToFileURL(join(root, 'test/refuse-skips.ts')).pathname)
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), text)
  await writeFile(
    join(folder, 'vitest.config.mjs'),
    `import { refuseSkips } from ${reporter}
export default { test: { globals: true, reporters: ['default', refuseSkips()], include: [${JSON.stringify(path)}] } }`,
  )
  const environment = { ...process.env, CI: undefined, QDRANT_URL: undefined, ...variables }
  const child = spawn(
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', folder, ...values],
    { env: environment, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await once(child, 'close')
  return { status: child.exitCode, said }
}

const passing = `test('runs', () => undefined)\n`
const skipped = `describe.skip('a suite', () => test('is left out', () => undefined))\n`

describe('a run of tests', () => {
  it('passes where nothing is skipped', async () => {
    expect(await runTests('some.test.js', passing)).toMatchObject({ status: 0 })
  })

  it('fails where something is skipped, and names it', async () => {
    const { status, said } = await runTests('some.test.js', passing + skipped)
    expect(said).toContain('a suite > is left out')
    expect(status).toBe(1)
  })

  it("lets Qdrant's suite be skipped only where no address is given", async () => {
    expect(await runTests(QDRANT, passing + skipped)).toMatchObject({ status: 0 })
    const variables = { QDRANT_URL: 'http://127.0.0.1:1' }
    expect(await runTests(QDRANT, passing + skipped, { variables })).toMatchObject({ status: 1 })
  })

  it('lets a person run one test alone', async () => {
    expect(await runTests('some.test.js', passing + skipped, { values: ['-t', 'runs'] })).toMatchObject({ status: 0 })
  })
})
