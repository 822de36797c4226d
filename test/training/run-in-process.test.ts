import type { ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { trainInProcess } from '../../src/training/run-in-process.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { modelHashes, smallJob } from './small-job.ts'

/** The processes that are started from now on, oldest first. */
function startedProcesses(): ChildProcess[] {
  const started: ChildProcess[] = []
  const note = (message: unknown) => void started.push((message as { process: ChildProcess }).process)
  subscribe('child_process', note)
  onTestFinished(() => void unsubscribe('child_process', note))
  return started
}

describe('a training process that dies', () => {
  it('is started again and goes on from its checkpoint to the same model', async () => {
    const undisturbed = await smallJob(await temporaryFolder(), { maximumEpochs: 3 })
    await trainInProcess(undisturbed, () => undefined)
    const job = await smallJob(await temporaryFolder(), { maximumEpochs: 3 })
    const started = startedProcesses()
    const firstSteps: number[] = []
    await trainInProcess(job, ({ step }) => {
      firstSteps[started.length - 1] ??= step
      // Both times a checkpoint, one every four steps, lies behind.
      if ((started.length === 1 && step >= 6) || (started.length === 2 && step >= 20)) started.at(-1)?.kill('SIGKILL')
    })
    expect(started).toHaveLength(3)
    expect(firstSteps[1]).toBeGreaterThan(1)
    expect(firstSteps[2]).toBeGreaterThan(firstSteps[1] ?? 0)
    expect(await modelHashes(job.outputFolder)).toEqual(await modelHashes(undisturbed.outputFolder))
  })

  it('is given up after three restarts', async () => {
    const job = await smallJob(await temporaryFolder(), { maximumEpochs: 1_000, patience: 1_000 })
    const started = startedProcesses()
    await expect(trainInProcess(job, () => started.at(-1)?.kill('SIGKILL'))).rejects.toMatchObject({
      code: 'training-failed',
      message: expect.stringContaining('4 times, at last by SIGKILL') as string,
    })
    expect(started).toHaveLength(4)
  })

  it('of a full disk is no failed training', async () => {
    const folder = await temporaryFolder()
    const job = await smallJob(folder)
    const fullDisk = join(folder, 'full-disk.mjs')
    await writeFile(
      fullDisk,
      `import files from 'node:fs/promises'
       import { syncBuiltinESMExports } from 'node:module'
       files.open = async () => { throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }) }
       syncBuiltinESMExports()`,
    )
    vi.stubEnv('NODE_OPTIONS', `--import ${pathToFileURL(fullDisk).href}`)
    onTestFinished(() => void vi.unstubAllEnvs())
    await expect(trainInProcess(job, () => undefined)).rejects.toMatchObject({ code: 'storage-full' })
  })
})
