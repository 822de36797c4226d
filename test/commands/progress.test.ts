import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createProgress, type Progress } from '../../src/commands/progress.ts'
import { fakeTerminal } from './fake-terminal.ts'

function collector(): Writable & { readonly text: () => string } {
  let text = ''
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString('utf8')
      done()
    },
  })
  return Object.assign(stream, { text: () => text })
}

/** A clock that is moved by hand. */
function handClock(): { now: () => number; pass: (milliseconds: number) => void } {
  let time = 1_000_000
  return { now: () => time, pass: (milliseconds) => void (time += milliseconds) }
}

function plain(): { progress: Progress; text: () => string; pass: (milliseconds: number) => void } {
  const stream = collector()
  const { now, pass } = handClock()
  return { progress: createProgress({ stream, isTerminal: false, now }), text: stream.text, pass }
}

describe('createProgress elsewhere than on a terminal', () => {
  it('prints the start, some lines on the way, and the end with the seconds it took', () => {
    const { progress, text, pass } = plain()
    const stage = progress.stage('publish', 3_350)
    for (let done = 50; done <= 3_350; done += 50) {
      pass(100)
      stage.update(done, 'pairs')
    }
    stage.finish('3,350 pairs published')
    const lines = text().trimEnd().split('\n')
    expect(lines[0]).toBe('▸ publish (3,350)')
    expect(lines[1]).toMatch(/^ {5}\d\d % {2}\d{3}\/3,350 {2}\d+\.\d s left {2}pairs$/)
    expect(lines.at(-1)).toBe('✓ publish: 3,350 pairs published (6.7 s)')
    expect(lines.length).toBeLessThanOrEqual(8)
    expect(lines.length).toBeGreaterThanOrEqual(6)
  })

  it('says something every five seconds of a slow or an endless stage, and nothing more often', () => {
    const { progress, text, pass } = plain()
    const stage = progress.stage('train', null)
    for (let step = 1; step <= 12; step++) {
      pass(1_000)
      stage.update(step, `epoch ${step}`)
    }
    stage.fail('the disk is full')
    expect(text().trimEnd().split('\n')).toEqual([
      '▸ train',
      '    5 so far  1.0/s  epoch 5',
      '    10 so far  1.0/s  epoch 10',
      '✗ train: the disk is full (12.0 s)',
    ])
  })

  it('writes no carriage return, escape code or colour, whatever it is given', () => {
    const { progress, text, pass } = plain()
    const stage = progress.stage('evil\u001b[2J\r', 2)
    pass(6_000)
    stage.update(1, 'note\u0007 \u001b[31mred\r\n')
    progress.say('pairs', 'a caption\r\u001b]0;title\u0007 of two\nlines')
    progress.say(null, 'first\u001b[31m\n  second\r')
    stage.finish('done\u009b2J')
    expect(text()).not.toMatch(/[^\P{Cc}\n]/u)
    expect(text()).toContain('  pairs                 ▸ a caption ]0;title  of two lines\n')
  })

  it('puts what topics carried into columns of one width, and leaves lines long', () => {
    const { progress, text } = plain()
    progress.say('retraining.requested', `412 new pairs are 12.3 % of 3,350: ${'a retraining is requested '.repeat(6)}`)
    progress.say('pairs', 'short')
    progress.say('retraining.requested.dead', 'longer than any topic')
    const [first = '', second = '', third = '', ...rest] = text().split('\n')
    expect(rest).toEqual([''])
    expect(first.indexOf('▸')).toBe(second.indexOf('▸'))
    expect(third).toBe('  retraining.requested.dead  ▸ longer than any topic')
  })

  it('leaves a table as it is', () => {
    const { progress, text } = plain()
    progress.say(null, '\n  rank  score\n     1  0.500')
    expect(text()).toBe('\n    rank  score\n       1  0.500\n')
  })

  it('ends a stage once', () => {
    const { progress, text, pass } = plain()
    const stage = progress.stage('index', 10)
    stage.finish('done')
    pass(60_000)
    stage.update(10)
    stage.fail('too late')
    expect(text()).toBe('▸ index (10)\n✓ index: done (0.0 s)\n')
  })
})

describe('createProgress on a terminal', () => {
  const shown = (columns?: number, environment: Record<string, string> = {}) => {
    const stream = fakeTerminal(columns)
    const { now, pass } = handClock()
    return { stream, pass, progress: createProgress({ stream, isTerminal: true, now, environment }) }
  }

  it('draws a bar with percentage, counts, time left and note', () => {
    const { stream, progress, pass } = shown(100)
    const stage = progress.stage('publish', 4_000)
    pass(10_000)
    stage.update(1_000, 'pairs')
    expect(stream.screen()).toEqual(['  publish               ████░░░░░░░░░░  25 %  1,000/4,000  30.0 s left  pairs'])
    progress.stop()
    expect(stream.screen()).toEqual([])
  })

  it('prints lines above the bars and leaves nothing of them behind', () => {
    const { stream, progress, pass } = shown()
    const first = progress.stage('publish', 100)
    const second = progress.stage('train', null)
    pass(1_000)
    first.update(50, 'a note that is so long that it has to be cut, or else the line would wrap around')
    pass(1_000)
    second.update(7, 'epoch 1')
    progress.say(
      'retraining.requested',
      '412 new pairs are 12.3 % of 3,350: a retraining is requested, as it is more than 10.0 %',
    )
    const during = stream.screen()
    expect(during.slice(0, 3)).toEqual([
      '  retraining.requested  ▸ 412 new pairs are 12.3 % of 3,350: a retraining is',
      '                          requested, as it is more than 10.0 %',
      expect.stringMatching(/^ {2}publish .* 50 % {2}50\/100 .*…$/) as string,
    ])
    expect(during[3]).toMatch(/^ {2}train .* 7 so far .* epoch 1$/)
    expect(during).toHaveLength(4)

    first.finish('100 pairs published')
    progress.say(null, 'nothing carried this')
    second.fail('it broke')
    progress.say('pairs', 'after all stages')
    expect(stream.screen()).toEqual([
      ...during.slice(0, 2),
      '✓ publish: 100 pairs published (2.0 s)',
      '  nothing carried this',
      '✗ train: it broke (2.0 s)',
      '  pairs                 ▸ after all stages',
    ])
  })

  it('keeps every line within the width of the terminal and never cuts a topic', () => {
    for (const columns of [40, 60, 80]) {
      const { stream, progress, pass } = shown(columns)
      const stage = progress.stage('a stage with a long name', 1_000_000)
      pass(1_000)
      stage.update(123_456, 'and a long note about what is in hand')
      progress.say('retraining.requested', `${'word '.repeat(30)}${'x'.repeat(100)}`)
      stage.finish('ended with a long line that says what came of it, and how, and why, and when')
      const screen = stream.screen()
      expect(Math.max(...screen.map((line) => line.length))).toBeLessThan(Math.max(columns, 47))
      expect(screen[0]).toContain('retraining.requested  ▸ ')
    }
  })

  it('colours topics unless NO_COLOR is set', () => {
    const coloured = shown()
    coloured.progress.say('pairs', 'text')
    expect(coloured.stream.written()).toContain('\u001b[36mpairs')
    const uncoloured = shown(80, { NO_COLOR: '1' })
    uncoloured.progress.say('pairs', 'text')
    uncoloured.progress.stage('s', 1).finish('ended')
    expect(uncoloured.stream.written()).not.toMatch(/\u001b\[\d+m/)
  })

  it('can be used again after a stop, and survives the end of a stopped stage', () => {
    const { stream, progress } = shown()
    const lost = progress.stage('lost', 10)
    progress.stop()
    lost.update(5)
    lost.finish('ended late')
    progress.stage('next', 10).finish('fine')
    expect(stream.screen()).toEqual(['✓ lost: ended late (0.0 s)', '✓ next: fine (0.0 s)'])
  })
})
