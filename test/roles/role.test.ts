import { expect, it } from 'vitest'
import { joinRoles, never } from '../../src/roles/role.ts'
import { promise } from '../fixtures/log-consumers.ts'

it('stops roles side by side, all of them, and then tells of one that could not', async () => {
  const others = promise()
  let stopped = 0
  const waiting = {
    failed: never,
    async stop() {
      await others.promise
      stopped++
    },
  }
  const releasing = { failed: never, stop: async () => others.resolve() }
  const broken = { failed: never, stop: () => Promise.reject(new Error('it would not')) }
  await joinRoles([waiting, releasing, waiting]).stop()
  await expect(joinRoles([releasing, broken, waiting]).stop()).rejects.toThrow('it would not')
  expect(stopped).toBe(3)
})
