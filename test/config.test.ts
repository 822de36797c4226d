import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../src/config.ts'
import { AppError } from '../src/core/errors.ts'

const failure = (environment: Record<string, string>): AppError => {
  try {
    loadConfig(environment)
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
  throw new Error('the configuration was accepted')
}

describe('the configuration', () => {
  it('needs nothing: everything lies in the data folder', () => {
    const config = loadConfig({})
    expect(config).toMatchObject({ DATA_DIR: '.pairstream', PORT: 8080, HOST: '127.0.0.1', RETRAIN_THRESHOLD: 0.1 })
    expect(config.logPath).toBe(join('.pairstream', 'log.db'))
    expect(loadConfig({ DATA_DIR: '/data' })).toMatchObject({ blobFolder: '/data/blobs', indexFolder: '/data/index' })
  })

  it('takes an override before the environment, and an empty variable for none', () => {
    expect(loadConfig({ PORT: '9000' }, { PORT: 9001 }).PORT).toBe(9001)
    expect(loadConfig({ PORT: '9000' }, { PORT: undefined }).PORT).toBe(9000)
    expect(loadConfig({ PORT: '' }).PORT).toBe(8080)
  })

  it.each([
    ['sqlite:logs/log.db', 'logs/log.db'],
    ['sqlite:/logs/log.db', '/logs/log.db'],
    ['sqlite:///logs/log.db', '/logs/log.db'],
  ])('reads the path of %s', (url, path) => {
    expect(loadConfig({ EVENT_LOG_URL: url }).logPath).toBe(path)
  })

  it.each([
    ['PORT', 'seventy'],
    ['PORT', '65536'],
    ['PARTITIONS', '0'],
    ['RETRAIN_THRESHOLD', '-0.1'],
    ['EVENT_LOG_URL', 'secret://user:password@host'],
    ['LOG_LEVEL', 'loudest'],
  ])('names %s and the rule, never the value %s', (name, value) => {
    const error = failure({ [name]: value })
    expect(error.code).toBe('configuration-invalid')
    expect(error.message).toContain(`${name}: `)
    expect(error.message).not.toContain(value)
  })

  it('names every variable at fault at once', () => {
    expect(failure({ PORT: 'a', THREADS: 'b' }).message).toMatch(/PORT: .*; THREADS: /)
  })

  describe('with a file', () => {
    let folder: string
    const path = () => join(folder, 'settings.json')
    const write = (text: string) => writeFile(path(), text)

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'pairstream-'))
    })
    afterAll(() => rm(folder, { recursive: true, force: true }))

    it('takes its settings where the environment has none', async () => {
      await write('{ "PORT": 9000, "THREADS": 4 }')
      expect(loadConfig({ PAIRSTREAM_CONFIG: path(), PORT: '9001' })).toMatchObject({ PORT: 9001, THREADS: 4 })
    })

    it.each([
      ['{ "PROT": 9000 }', /PROT in the configuration file is no setting/],
      ['PORT=9000', /not a JSON object/],
      ['[1]', /not a JSON object/],
      ['{ "PORT": "secret" }', /PORT: /],
    ])('refuses %s', async (text, reason) => {
      await write(text)
      const { code, message } = failure({ PAIRSTREAM_CONFIG: path() })
      expect(code).toBe('configuration-invalid')
      expect(message).toMatch(reason)
      expect(message).not.toContain('secret')
    })

    it('refuses a file that is not there', () => {
      expect(failure({ PAIRSTREAM_CONFIG: `${folder}/absent.json` }).message).toContain('does not exist')
    })
  })
})
