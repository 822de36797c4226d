import { describe, expect, it } from 'vitest'
import { AppError } from '../../src/core/errors.ts'
import { createLogger } from '../../src/telemetry/logger.ts'

function capture() {
  const lines: string[] = []
  return {
    stream: { write: (line: string) => void lines.push(line) },
    records: () => lines.map((line) => JSON.parse(line) as unknown),
  }
}

describe('createLogger', () => {
  it('writes one JSON object a line, with level, time and role', () => {
    const { stream, records } = capture()
    createLogger({ role: 'embed', stream }).info({ pairId: 'p1' }, 'pair indexed')
    expect(records()).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
        role: 'embed',
        pairId: 'p1',
        msg: 'pair indexed',
      },
    ])
  })

  it('writes what is at its level and above', () => {
    const { stream, records } = capture()
    const logger = createLogger({ level: 'warn', stream })
    logger.info('quiet')
    logger.warn('heard')
    expect(records()).toMatchObject([{ level: 'warn', msg: 'heard' }])
  })

  it("keeps an error's code", () => {
    const { stream, records } = capture()
    createLogger({ stream }).error({ err: new AppError('blob-missing', 'gone') }, 'record is dead')
    expect(records()).toMatchObject([{ err: { code: 'blob-missing', message: 'gone' } }])
  })
})
