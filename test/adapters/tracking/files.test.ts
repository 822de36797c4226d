import { randomInt } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createFileTracking } from '../../../src/adapters/tracking/files.ts'
import { trackingContract } from '../../contracts/tracking.ts'
import { runScript } from '../../fixtures/child-process.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

describe('file tracking', () => {
  trackingContract(async (folder) => createFileTracking({ folder }))

  it('has every acknowledged step and artefact after SIGKILL', async () => {
    const folder = await temporaryFolder()
    const acknowledged: number[] = []
    for (let round = 0; round < 3; round++) {
      const script = runScript('track-until-killed.ts', folder, String(round * 10_000))
      await script.printed(randomInt(1, 30))
      script.process.kill('SIGKILL')
      await script.ended
      acknowledged.push(...script.lines.map(Number))
      const tracking = createFileTracking({ folder })
      const run = await tracking.run('run')
      const losses = new Map(run?.metrics['loss']?.map(({ step, value }) => [step, value]))
      for (const step of acknowledged) {
        expect(losses.get(step)).toBe(step / 2)
        const artefact = await tracking.readArtefact('run', `steps/${step}.json`)
        expect(new TextDecoder().decode(artefact ?? new Uint8Array(0))).toBe(JSON.stringify({ step }))
      }
      await tracking.close()
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(3)
  })

  it('refuses a run id that is no name of a folder', async () => {
    const tracking = createFileTracking({ folder: await temporaryFolder() })
    onTestFinished(() => tracking.close())
    for (const runId of ['', '..', 'a/b', 'a b']) {
      const run = { runId, experiment: 'e', name: 'n', parameters: {}, startedAt: 0 }
      await expect(tracking.startRun(run)).rejects.toMatchObject({ code: 'invalid-request' })
    }
  })

  it('is unavailable where its artefacts cannot be written', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'artefacts'), 'in the way')
    const tracking = createFileTracking({ folder })
    onTestFinished(() => tracking.close())
    await tracking.startRun({ runId: 'r1', experiment: 'e', name: 'n', parameters: {}, startedAt: 0 })
    await expect(tracking.logArtefact('r1', 'a', new Uint8Array(1))).rejects.toMatchObject({
      code: 'tracking-unavailable',
    })
  })
})
