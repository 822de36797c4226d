import { expect, it } from 'vitest'
import { createAdmission } from '../../../src/api/limits/admission.ts'
import { promise } from '../../fixtures/log-consumers.ts'

it('runs so many at once, in their order, refuses those that find too many waiting, and goes on', async () => {
  const admission = createAdmission(2)
  const ended: number[] = []
  const gates = Array.from({ length: 10 }, promise)
  const runs = gates.map((gate, number) =>
    admission.run(async () => {
      await gate.promise
      ended.push(number)
    }),
  )
  const refused = Array.from({ length: 3 }, () => admission.run(async () => undefined))
  for (const one of refused) await expect(one).rejects.toMatchObject({ code: 'overloaded', kind: 'unavailable' })
  for (const gate of gates.toReversed()) gate.resolve()
  await Promise.all(runs)
  expect(ended.slice(2)).toEqual([2, 3, 4, 5, 6, 7, 8, 9])
  expect(await admission.run(async () => 'again')).toBe('again')
})

it('refuses who has waited too long, and gives the place of one that failed to the next', async () => {
  const admission = createAdmission(1, 10)
  const gate = promise()
  const first = admission.run(() => gate.promise)
  await expect(admission.run(async () => undefined)).rejects.toMatchObject({ code: 'overloaded' })
  gate.resolve()
  await first
  await expect(admission.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  expect(await admission.run(async () => 'next')).toBe('next')
})
