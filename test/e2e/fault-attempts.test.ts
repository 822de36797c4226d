import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { isPassed, killsLeft, openAttempts, summary, told } from '../servers/faults/attempts.ts'
import type { RoundFindings } from '../servers/faults/kill-round.ts'

const clean: RoundFindings = {
  ...{ acknowledged: 400, found: 400, byCaption: 400, byPicture: 25, erased: 30 },
  ...{ lost: [], duplicated: [], resurrected: [], inconsistent: [], missed: [] },
  ...{ killed: { api: 20 }, moments: { asked: 20 }, behind: {}, longAbsences: 2, overlapping: 3, takeovers: 1 },
  ...{ releases: {}, models: {}, unanswered: 1, unavailable: 1, searches: 10, refused: 1 },
}

it('does not forget a round in which something was lost, however many were clean after it', async () => {
  const folder = await temporaryFolder()
  const first = await openAttempts(folder, 1)
  await (
    await first.begin(20)
  )({ seconds: 100, findings: { ...clean, lost: ['a pair'] }, error: null })
  expect([killsLeft(first.all, 20), isPassed(first.all, 20)]).toEqual([20, false])

  const second = await openAttempts(folder, 1)
  await (
    await second.begin(20)
  )({ seconds: 100, findings: clean, error: null })
  expect([killsLeft(second.all, 20), isPassed(second.all, 20)]).toEqual([0, false])
  expect(second.all.map(told)).toEqual([expect.stringContaining('lost 1,'), expect.stringContaining('lost 0,')])
  expect(summary(second.all).join('\n')).toContain('lost 1,')
  expect(summary(second.all).join('\n')).toContain('2 attempts, of which 1 full, 1 failed')
})

it.each([
  { how: 'clean', findings: clean, error: null, left: 0, passes: true },
  { how: 'without an end', findings: null, error: 'it never held', left: 20, passes: false },
  { how: 'interrupted', findings: null, error: null, left: 20, passes: true },
  {
    how: 'showing less than it should',
    findings: { ...clean, missed: ['a takeover'] },
    error: null,
    left: 20,
    passes: true,
  },
])(
  'counts the kills of a round that was $how, and holds against it what is',
  async ({ findings, error, left, passes }) => {
    const folder = await temporaryFolder()
    const attempts = await openAttempts(folder, 1)
    await (
      await attempts.begin(20)
    )({ seconds: 100, findings, error })
    expect(killsLeft(attempts.all, 20)).toBe(left)
    await (
      await attempts.begin(20)
    )({ seconds: 100, findings: clean, error: null })
    expect(isPassed((await openAttempts(folder, 1)).all, 20)).toBe(passes)
  },
)

it('takes no attempts of another seed, and none of a file that it cannot read', async () => {
  const folder = await temporaryFolder()
  await (await openAttempts(folder, 1)).begin(20)
  await expect(openAttempts(folder, 2)).rejects.toThrow('with the seed 1')
  const file = join(folder, 'attempts.json')
  await writeFile(file, (await readFile(file, 'utf8')).slice(0, -20))
  await expect(openAttempts(folder, 1)).rejects.toThrow('cannot be read')
})
