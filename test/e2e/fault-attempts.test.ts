import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { runScript } from '../fixtures/child-process.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { isPassed, killsLeft, openAttempts, summary, told } from '../servers/faults/attempts.ts'
import { buildDigest } from '../servers/faults/build-digest.ts'
import type { RoundFindings } from '../servers/faults/kill-round.ts'

const run = { seed: 1, build: 'a' }
const clean: RoundFindings = {
  ...{ acknowledged: 400, found: 400, byCaption: 400, byPicture: 25, erased: 30 },
  ...{ lost: [], duplicated: [], resurrected: [], inconsistent: [], missed: [] },
  ...{ killed: { api: 20 }, moments: { asked: 20 }, behind: {}, longAbsences: 2, overlapping: 3, takeovers: 1 },
  ...{ releases: {}, models: {}, unanswered: 1, unavailable: 1, searches: 10, refused: 1 },
}

it('does not forget a round in which something was lost, however many were clean after it', async () => {
  const folder = await temporaryFolder()
  const first = await openAttempts(folder, run)
  await (
    await first.begin(20)
  )({ seconds: 100, findings: { ...clean, lost: ['a pair'] }, error: null })
  expect([killsLeft(first.all, 20), isPassed(first.all, 20)]).toEqual([20, false])

  const second = await openAttempts(folder, run)
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
    const attempts = await openAttempts(folder, run)
    await (
      await attempts.begin(20)
    )({ seconds: 100, findings, error })
    expect(killsLeft(attempts.all, 20)).toBe(left)
    await (
      await attempts.begin(20)
    )({ seconds: 100, findings: clean, error: null })
    expect(isPassed((await openAttempts(folder, run)).all, 20)).toBe(passes)
  },
)

it('takes no attempts of another seed, of another build, and none of a file that it cannot read', async () => {
  const folder = await temporaryFolder()
  await (await openAttempts(folder, run)).begin(20)
  await expect(openAttempts(folder, { ...run, seed: 2 })).rejects.toThrow('with the seed 1')
  await expect(openAttempts(folder, { ...run, build: 'b' })).rejects.toThrow('of another build; name another folder')
  const file = join(folder, 'attempts.json')
  await writeFile(file, (await readFile(file, 'utf8')).slice(0, -20))
  await expect(openAttempts(folder, run)).rejects.toThrow('cannot be read')
})

it('tells builds apart by the modules that they have and what is in them', async () => {
  const folder = await temporaryFolder()
  await mkdir(join(folder, 'core'))
  await writeFile(join(folder, 'core', 'ids.js'), 'export const id = 1')
  await writeFile(join(folder, 'cli.js'), '')
  const first = await buildDigest(folder)
  await writeFile(join(folder, 'cli.js.map'), '{}')
  expect(await buildDigest(folder)).toBe(first)
  await writeFile(join(folder, 'core', 'ids.js'), 'export const id = 2')
  const second = await buildDigest(folder)
  await writeFile(join(folder, 'more.js'), '')
  expect(new Set([first, second, await buildDigest(folder)]).size).toBe(3)
})

it('says that nothing was run where all kills were made before', async () => {
  const state = await temporaryFolder()
  const build = await buildDigest(resolve('dist'))
  await (
    await (await openAttempts(state, { seed: 1, build })).begin(20)
  )({ seconds: 100, findings: clean, error: null })
  const again = runScript('../servers/run-faults.ts', '--kills', '20', '--seed', '1', '--state', state)
  expect(await again.ended).toBe(0)
  expect(again.lines[0]).toContain('complete before, nothing was run')
})
