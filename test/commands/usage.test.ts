import { access, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { runCli } from './run-cli.ts'
import { runHere } from './run-here.ts'

const commands = [
  ['serve'],
  ['demo'],
  ['status'],
  ['doctor'],
  ['config'],
  ['publish'],
  ['search'],
  ['erase'],
  ['restore'],
  ['dead-letters'],
  ['dead-letters', 'list'],
  ['dead-letters', 'show'],
  ['dead-letters', 'replay'],
  ['train'],
  ['tune'],
  ['evaluate'],
  ['reindex'],
  ['replay'],
  ['models'],
  ['models', 'list'],
  ['models', 'show'],
  ['models', 'promote'],
  ['models', 'revert'],
  ['models', 'export'],
  ['models', 'pull'],
]

describe('help', () => {
  it.each(commands.map((words) => [words.join(' '), words] as const))(
    'of %s explains it with an example',
    async (name, words) => {
      const { status, stdout } = await runHere([...words, '--help'], {})
      expect(status).toBe(0)
      expect(stdout).toContain(`Usage: pairstream ${name}`)
      expect(stdout).toMatch(/Examples?:\n {2}\$ .*pairstream/)
    },
  )

  it('lists the commands in groups and the meaning of the exit codes', async () => {
    const { status, stdout, stderr } = await runCli(['--help'], {})
    expect(status).toBe(0)
    expect(stderr).toBe('')
    for (const group of ['Run:', 'Pairs:', 'Models:', 'Exit codes:']) expect(stdout).toContain(group)
    expect(stdout).toMatch(/130 +stopped by a signal/)
  })

  it('knows the settings', async () => {
    const { stdout } = await runHere(['help', 'configuration'], {})
    expect(stdout).toMatch(/RETRAIN_THRESHOLD +0\.1 +Share of new pairs/)
  })
})

describe('wrong usage', () => {
  it('ends with 2 and one line that says what is wrong', async () => {
    const { status, stdout, stderr } = await runCli(['serve', '--bogus'], {})
    expect(status).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toBe("error: Wrong usage: unknown option '--bogus'; see --help [usage]\n")
  })

  it('is a problem for programs with --json', async () => {
    const { status, stderr } = await runHere(['search', '--json', '--top-k', 'many', 'dogs'], {})
    expect(status).toBe(2)
    expect(JSON.parse(stderr)).toMatchObject({ type: '/problems/usage', title: 'Wrong usage', code: 'usage' })
  })

  it('without a command prints the help and ends with 2', async () => {
    const { status, stderr } = await runHere([], {})
    expect(status).toBe(2)
    expect(stderr).toContain('Usage: pairstream')
    expect(stderr).not.toContain('error:')
  })

  it.each([
    [['serve', '--roles', 'api,cook'], /roles are api, embed/],
    [['search'], /text to search for, or a picture/],
    [['search', 'dogs', '--filter', 'colour'], /name=value/],
    [['search'], /a text .* or both/],
    [['search', 'dogs', '--range', 'year'], /name=FROM/],
    [['search', 'dogs', '--range', 'year=2019'], /FROM\.\.TO/],
    [['search', 'dogs', '--min-relevance', '2'], /0 to 1/],
    [['publish', '.', '--watch', '--schedule', '@daily'], /--watch .* no --schedule/],
    [['publish', '.', '--split', 'half'], /train, validation/],
    [['evaluate', '--split', 'half'], /train, validation/],
    [['tune', '--folds', '1'], /whole number from 2/],
    [['tune', '--show', '--reset'], /cannot be used with/],
    [['demo', '--images', '.'], /--query/],
    [['dead-letters', 'show', 'pairs', 'x', '0'], /whole number/],
  ])('%j is refused', async (words, reason) => {
    const { status, stderr } = await runHere(words, {})
    expect(stderr).toMatch(reason)
    expect(status).toBe(2)
  })
})

describe('configuration', () => {
  it('that cannot be used is named, and its value is not', async () => {
    const { status, stderr } = await runCli(['status'], { PORT: 'zebra', LOG_LEVEL: 'warn' })
    expect(status).toBe(2)
    expect(stderr).toMatch(/^error: A configuration value cannot be used: .*PORT: .*\[configuration-invalid\]\n$/)
    expect(stderr).not.toContain('zebra')
  })

  it('of a data folder that cannot be made is told so', async () => {
    const folder = join(await temporaryFolder(), 'file')
    await writeFile(folder, '')
    await writeFile(`${folder}.jsonl`, '{"image":"a.jpg","caption":"a"}')
    const { status, stderr } = await runHere(['publish', `${folder}.jsonl`], { DATA_DIR: folder })
    expect(stderr).toMatch(/DATA_DIR names cannot be made \(EEXIST\).*\[configuration-invalid\]/)
    expect(status).toBe(2)
  })

  it('is listed for a README', async () => {
    const { stdout } = await runHere(['config', '--markdown'], {})
    expect(stdout.split('\n')[0]).toBe('| Variable | Default | What it sets |')
    expect(stdout).toContain('| `DATA_DIR` | `.pairstream` |')
  })
})

describe('before anything is published', () => {
  it.each([
    ['status'],
    ['search', 'dogs'],
    ['models'],
    ['dead-letters'],
    ['train'],
    ['tune'],
    ['erase', 'x'],
    ['evaluate'],
  ])('%s says so, ends with 3 and makes no folder', async (...words) => {
    const folder = join(await temporaryFolder(), 'data')
    const { status, stderr } = await runHere(words, { DATA_DIR: folder })
    expect(stderr).toContain("use 'pairstream publish'")
    expect(status).toBe(3)
    await expect(access(folder)).rejects.toThrow()
  })

  it('a source that is not there leaves no data folder behind', async () => {
    const folder = join(await temporaryFolder(), 'data')
    const { status, stderr } = await runHere(['publish', join(folder, 'pictures')], { DATA_DIR: folder })
    expect(stderr).toMatch(/^error: The source does not exist: /)
    expect(status).toBe(2)
    await expect(access(folder)).rejects.toThrow()
  })

  it('the demo never empties a folder that holds other things', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'letter.txt'), 'dear reader')
    const { status, stderr } = await runHere(['demo', '--exit', '--data', folder], {})
    expect(stderr).toContain('name a new one by --data')
    expect(status).toBe(2)
    await access(join(folder, 'letter.txt'))
  })
})
