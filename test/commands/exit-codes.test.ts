import { CommanderError } from 'commander'
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { CommandContext } from '../../src/commands/context.ts'
import { exitCodes, exitOf } from '../../src/commands/exit-codes.ts'
import { reportFailure } from '../../src/commands/failure.ts'
import { AppError } from '../../src/core/errors.ts'

function report(error: unknown, json = false, environment: Record<string, string> = {}) {
  const stderr = new PassThrough() as unknown as NodeJS.WriteStream
  const context: CommandContext = { environment, stdout: stderr, stderr, signal: new AbortController().signal }
  const exit = reportFailure(error, json, context)
  return { exit, text: String(stderr.read() ?? '') }
}

describe('exit codes', () => {
  it('are all different', () => {
    const statuses = Object.values(exitCodes).map(({ status }) => status)
    expect(new Set(statuses).size).toBe(statuses.length)
  })

  it.each([
    ['configuration-invalid', 'usage'],
    ['model-not-found', 'usage'],
    ['no-model', 'unavailable'],
    ['data-folder-locked', 'unavailable'],
    ['port-in-use', 'unavailable'],
    ['storage-full', 'unavailable'],
    ['model-corrupt', 'failed'],
    ['internal', 'failed'],
  ] as const)('%s ends as %s', (code, exit) => {
    expect(exitOf(code)).toBe(exit)
  })
})

describe('a failure', () => {
  const error = new AppError('storage-full', 'Free some space.')

  it('is one line with its code, and no stack', () => {
    expect(report(error)).toEqual({
      exit: 'unavailable',
      text: 'error: The disk is full: Free some space. [storage-full]\n',
    })
  })

  it('shows its stack when debugging', () => {
    expect(report(error, false, { LOG_LEVEL: 'debug' }).text).toContain('exit-codes.test.ts')
  })

  it('is a problem for programs', () => {
    expect(JSON.parse(report(error, true).text)).toEqual({
      type: '/problems/storage-full',
      title: 'The disk is full',
      detail: 'Free some space.',
      code: 'storage-full',
    })
  })

  it('that nobody foresaw is internal', () => {
    expect(report(new TypeError('x is undefined'))).toEqual({
      exit: 'failed',
      text: 'error: Internal error: x is undefined [internal]\n',
    })
  })

  it('is none where help was asked for', () => {
    expect(report(new CommanderError(0, 'commander.helpDisplayed', '(outputHelp)'))).toEqual({ exit: 'ok', text: '' })
  })
})
