import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { peaksOf } from '../../../bench/support/resident-memory.ts'

it('gives the peaks of processes that run, and takes one that has ended for no small one', async () => {
  const running = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] })
  await once(running, 'spawn')
  const pids = new Map([
    ['api', process.pid],
    ['embed', running.pid ?? -1],
  ])
  const peaks = await peaksOf(pids)
  expect(peaks.get('api')).toBeGreaterThan(10_000_000)
  expect(peaks.get('embed')).toBeGreaterThan(0)
  running.kill('SIGKILL')
  await once(running, 'exit')
  await expect(peaksOf(pids)).rejects.toThrow(/process of embed has ended/)
})
