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
  }, 240_000)
})
