import { describe, expect, it } from 'vitest'
import type { ReleaseRecord, ReleaseState } from '../../src/core/events.ts'
import { nextGeneration, viewReleases } from '../../src/core/release-chain.ts'

/** A chain from lines such as `promoted 2`: the state, and the number of model and generation (none: a kept challenger). */
const chain = (...lines: readonly string[]): ReleaseRecord[] =>
  lines.map((line, i) => {
    const [state, number] = line.split(' ')
    return {
      releaseId: `r${i}`,
      follows: i === 0 ? null : `r${i - 1}`,
      state: state as ReleaseState,
      modelVersion: `m${number ?? ''}`,
      generation: number === undefined ? null : `g${number}`,
      reason: '',
      evidence: null,
      decidedAt: i,
    }
  })

const view = (...lines: readonly string[]) => {
  const { build, serving, previous, live, retired, ...rest } = viewReleases(chain(...lines))
  return {
    ...rest,
    build: build?.generation ?? null,
    serving: serving?.generation ?? null,
    previous: previous?.generation ?? null,
    live: [...live.keys()],
    retired: retired.map(({ generation }) => generation),
  }
}

describe('a chain of releases', () => {
  it('is nothing at first', () => {
    expect(view()).toEqual({
      head: null, build: null, serving: null, previous: null, onProbation: false, live: [], retired: [],
    }) // prettier-ignore
  })

  it('has a build until it serves, and the first release on no probation', () => {
    expect(view('building 1')).toMatchObject({
      head: 'r0',
      build: 'g1',
      serving: null,
      live: ['g1'],
    })
    expect(view('building 1', 'promoted 1')).toMatchObject({
      head: 'r1',
      build: null,
      serving: 'g1',
      onProbation: false,
      live: ['g1'],
    })
  })

  it('keeps both generations up to date during a build and a probation', () => {
    const start = ['building 1', 'promoted 1', 'building 2']
    expect(view(...start)).toMatchObject({ build: 'g2', serving: 'g1', previous: null, live: ['g1', 'g2'] })
    expect(view(...start, 'promoted 2')).toMatchObject({
      serving: 'g2',
      previous: 'g1',
      onProbation: true,
      live: ['g1', 'g2'],
    })
    expect(view(...start, 'promoted 2', 'probation-passed 2')).toMatchObject({ onProbation: false, previous: 'g1' })
    expect(view(...start, 'promoted 2', 'probation-passed 2', 'retired 1')).toMatchObject({
      serving: 'g2', previous: null, live: ['g2'], retired: ['g1'],
    }) // prettier-ignore
  })

  it('goes back to the release before, which is on no probation', () => {
    const reverted = ['building 1', 'promoted 1', 'building 2', 'promoted 2', 'reverted 1']
    expect(view(...reverted)).toMatchObject({
      serving: 'g1',
      onProbation: false,
      live: ['g1', 'g2'],
    })
    expect(view(...reverted, 'retired 2', 'building 3', 'promoted 3')).toMatchObject({
      serving: 'g3', previous: 'g1', onProbation: true, live: ['g1', 'g3'],
    }) // prettier-ignore
  })

  it('passes over challengers that were kept, and states that newer programs write', () => {
    const plain = view('building 1', 'promoted 1')
    expect(view('building 1', 'promoted 1', 'rejected', 'inconclusive', 'celebrated 1')).toEqual({
      ...plain,
      head: 'r4',
    })
  })

  it('ends a build that is retired before it served', () => {
    expect(view('building 1', 'promoted 1', 'building 2', 'retired 2')).toMatchObject({
      build: null, serving: 'g1', live: ['g1'],
    }) // prettier-ignore
  })

  it('numbers its generations, and names each after the very model, also where number and version come again', () => {
    const after = (...lines: readonly string[]) => nextGeneration(chain(...lines), 'manifests/a.json')
    expect(after()).toMatch(/^g1-[0-9a-f]{8}$/)
    expect(after()).toBe(after())
    expect(after('building 1', 'promoted 1', 'building 2', 'promoted 2', 'reverted 1')).toMatch(/^g3-/)
    expect(after('building 1', 'retired 1', 'building 2', 'retired 2')).toMatch(/^g3-/)
    expect(after()).not.toBe(nextGeneration([], 'manifests/b.json'))
  })
})
