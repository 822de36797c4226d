import { describe, expect, it } from 'vitest'
import { platform } from './consumer-harness.ts'
import { states } from './release-harness.ts'

describe('the log of releases', () => {
  it('takes one of two decisions that follow the same record', async () => {
    const made = await platform()
    const draft = { follows: null, state: 'building', generation: 'g1', reason: '', evidence: null } as const
    const outcomes = await Promise.all(
      ['m-1', 'm-2'].map((modelVersion) => made.releases.append({ ...draft, modelVersion })),
    )
    expect(outcomes.map((record) => record?.modelVersion)).toEqual(['m-1', undefined])
    expect(states(made)).toHaveLength(1)
  })

  it('takes the same decision twice as one', async () => {
    const made = await platform()
    const draft = {
      follows: null,
      state: 'building',
      modelVersion: 'm-1',
      generation: 'g1',
      reason: '',
      evidence: { a: 1 },
    } as const
    const [first, second] = [await made.releases.append(draft), await made.releases.append(draft)]
    expect(second).toEqual(first)
    expect(states(made)).toHaveLength(1)
  })
})
