import { describe, expect, it } from 'vitest'
import { embedGroup } from '../../src/core/consumer-groups.ts'
import { AppError } from '../../src/core/errors.ts'
import { viewReleases } from '../../src/core/release-chain.ts'
import { numbered } from '../fixtures/pair-events.ts'
import { platform } from './consumer-harness.ts'
import {
  model,
  well,
  deciding,
  keeping,
  generationsOf,
  states,
  decided,
  exhaust,
  serve,
  g1,
  g2,
} from './release-harness.ts'

describe('the keeper of releases', () => {
  const twoReleases = async () => {
    const made = await platform()
    const consumer = made.start(deciding(made))
    await made.log.append(numbered('one', 5))
    await serve(made, 'm-1', g1)
    await serve(made, 'm-2', g2)
    await consumer.stop()
    return made
  }

  it('ends a probation that saw nothing wrong, then retires the release before', async () => {
    const made = await twoReleases()
    const keeper = keeping(made)
    expect(await keeper.step()).toBe(false)
    made.setForward(1_001)
    await exhaust(keeper.step)
    expect(states(made).slice(4)).toEqual([['probation-passed', 'm-2', g2], ['retired', 'm-1', g1]]) // prettier-ignore
    expect(made.catalogue.currentRelease()?.modelVersion).toBe('m-2')
  })

  it('takes a release back that got worse, says why, and retires it', async () => {
    const made = await twoReleases()
    const keeper = keeping(made, {
      observe: async (version) => ({ ...well, goldenRecall: version === 'm-2' ? 0.2 : 0.5 }),
    })
    await exhaust(keeper.step)
    expect(states(made).slice(4)).toEqual([['reverted', 'm-1', g1], ['retired', 'm-2', g2]]) // prettier-ignore
    expect(made.catalogue.releases()[4]?.reason).toBe('Golden-query recall fell from 50.0 % to 20.0 %.')
    expect(made.catalogue.currentRelease()).toMatchObject({ modelVersion: 'm-1', generation: g1 })
  })

  it('gives up a build whose model can never be opened, so that later challengers have their turn', async () => {
    const made = await platform()
    await made.log.append([...numbered('one', 5), model('m-1')])
    const consumer = made.start(deciding(made))
    await decided(made)
    const damaged = new AppError('model-corrupt', 'onnx/text_model.onnx is damaged.')
    const keeper = keeping(made, { modelProblem: async () => damaged })
    await exhaust(keeper.step)
    expect(states(made)).toEqual([['building', 'm-1', g1], ['retired', 'm-1', g1]]) // prettier-ignore
    expect(made.catalogue.releases()[1]?.reason).toContain('onnx/text_model.onnx is damaged')
    expect(viewReleases(made.catalogue.releases())).toMatchObject({ build: null, serving: null })
    await consumer.stop()
  })

  it('does not look more often than it is asked to', async () => {
    const made = await twoReleases()
    let looks = 0
    const observe = async () => {
      looks++
      return well
    }
    const keeper = keeping(made, { observe, watchInterval: 400, probation: 100_000 })
    await keeper.step()
    await keeper.step()
    expect(looks).toBe(1)
    made.setForward(401)
    await keeper.step()
    expect(looks).toBe(2)
  })

  it('goes on after a crash at every turn', async () => {
    const made = await platform()
    await made.log.append([...numbered('one', 5), model('m-1')])
    const handler = deciding(made)
    const turns = async () => {
      // Everything in memory is new each time: consumer, keeper, groups.
      const consumer = made.start(handler)
      await decided(made)
      await consumer.stop()
      const generations = generationsOf(made)
      await generations.step()
      for (const generation of viewReleases(made.catalogue.releases()).live.keys())
        await made.passed(embedGroup(generation))
      await generations.stop()
      await keeping(made).step()
      made.setForward(1_001)
    }
    for (let turn = 0; turn < 3; turn++) await turns()
    await made.log.append([model('m-2')])
    for (let turn = 0; turn < 4; turn++) await turns()
    expect(states(made)).toEqual([
      ['building', 'm-1', g1],
      ['promoted', 'm-1', g1],
      ['building', 'm-2', g2],
      ['promoted', 'm-2', g2],
      ['probation-passed', 'm-2', g2],
      ['retired', 'm-1', g1],
    ])
  })
})
