import { describe, expect, it } from 'vitest'
import { runScript } from '../fixtures/child-process.ts'

describe('exit of a process whose thread is in a native call', () => {
  it('waits until the call is over, and lets no other begin', async () => {
    const { lines, ended } = runScript('exit-in-call.ts')
    expect(await ended).toBe(0)
    expect(lines).toEqual(['first is over'])
  })
})
