import { expect, it } from 'vitest'
import { createGate } from '../../src/producers/gate.ts'

/** A gate for one at a time, with somebody in it until `leave` is called. */
function occupied(deadline: number) {
  const gate = createGate({ width: 1, most: 10, mostBytes: 10, deadline })
  let leave: () => void = () => undefined
  const inside = gate(() => new Promise<void>((resolve) => (leave = resolve)), 0)
  return { gate, inside, leave: () => leave() }
}

it('turns away who has waited too long, and never runs it', async () => {
  const { gate, inside, leave } = occupied(20)
  const ran: string[] = []
  const late = gate(async () => void ran.push('late'), 10)
  await expect(late).rejects.toMatchObject({ code: 'publish-unconfirmed' })
  const next = gate(async () => void ran.push('next'), 10)
  leave()
  await Promise.all([inside, next])
  await gate(async () => void ran.push('last'), 0)
  expect(ran).toEqual(['next', 'last'])
})

it('hands places on in order, also after a failure', async () => {
  const { gate, inside, leave } = occupied(10_000)
  const ran: number[] = []
  const failing = gate(() => Promise.reject(new Error('no')), 0)
  const others = [1, 2, 3].map((n) => gate(async () => void ran.push(n), 1))
  leave()
  await expect(failing).rejects.toThrow('no')
  await Promise.all([inside, ...others])
  expect(ran).toEqual([1, 2, 3])
})
