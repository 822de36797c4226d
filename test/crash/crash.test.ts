import { rm } from 'node:fs/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { crashFolder } from './crash-folder.ts'
import { startCrashRun } from './crash-run.ts'
import { verify } from './verify.ts'

const KILLS = 30

describe('the platform', () => {
  it('loses nothing, doubles nothing and brings nothing back, killed again and again while it works', async () => {
    const folder = await crashFolder()
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const crashes = await startCrashRun(folder, 1)
    for (let kill = 0; kill < KILLS; kill++) await crashes.kill()
    await crashes.settle()
    const findings = await verify(folder, crashes.known)
    expect(findings).toMatchObject({ lost: [], duplicated: [], resurrected: [], inconsistent: [] })
    expect(findings.acknowledged).toBeGreaterThan(50)
    expect(findings.erased).toBeGreaterThan(20)

    // What would be found if the structure that is searched held a point twice, or had lost one that is stored.
    const twice = await verify(folder, crashes.known, (index) => ({
      ...index,
      search: async (...query) => (await index.search(...query)).flatMap((hit, at) => (at === 1 ? [hit, hit] : [hit])),
    }))
    expect(twice.duplicated).not.toEqual([])
    const fewer = await verify(folder, crashes.known, (index) => ({
      ...index,
      search: async (...query) => (await index.search(...query)).filter((_, at) => at !== 1),
    }))
    expect(fewer.inconsistent.join()).toContain('a point that a search of all misses')
  }, 240_000)
})
