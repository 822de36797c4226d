import { describe, expect, it } from 'vitest'
import { embedGroup } from '../../src/core/consumer-groups.ts'
import { pairKey } from '../../src/core/ids.ts'
import { nextGeneration, viewReleases } from '../../src/core/release-chain.ts'
import { unlessStopped } from '../../src/core/stop.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { numbered, pairEvent } from '../fixtures/pair-events.ts'
import { platform } from './consumer-harness.ts'
import { spoil } from './poison.ts'
import { DIMENSION, vectorOf } from './word-encoder.ts'
import {
  model,
  decision,
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

describe('the release consumer', () => {
  it('goes from the decision over the build to the switch, each once', async () => {
    const made = await platform()
    made.start(deciding(made))
    await made.log.append([...numbered('one', 20), model('m-1')])
    await decided(made)
    expect(states(made)).toEqual([['building', 'm-1', g1]])
    const keeper = keeping(made)
    expect(await keeper.step()).toBe(false)
    await serve(made, 'm-1', g1)
    expect(states(made)).toEqual([['building', 'm-1', g1], ['promoted', 'm-1', g1]]) // prettier-ignore
    expect(made.catalogue.currentRelease()).toMatchObject({ modelVersion: 'm-1', generation: g1 })
    expect(await keeping(made).step()).toBe(false)
  })

  it('takes no vector for its own that the index holds of another model under the same number', async () => {
    const made = await platform()
    const event = pairEvent('one', 'a caption')
    // As an index has it that was kept while the log went back, or was begun anew: requests, versions and numbers come again.
    const { imageId, caption, split, metadata } = event
    const stale = nextGeneration([], 'manifests/b.json')
    await made.index.create(stale, DIMENSION)
    const payload = { imageId, captions: [caption ?? ''], split: split as 'train', metadata, offset: 0 }
    await made.index.upsert(stale, 'images', [{ id: imageId, vector: vectorOf('m-lost', 'one'), payload }])
    made.start(deciding(made))
    await made.log.append([{ topic: 'pairs', key: pairKey(imageId, event.pairId), value: event }])
    await serve(made, 'm-1', g1)
    const [found] = await made.index.points(g1, 'images', [imageId])
    expect(found?.vector).toEqual(vectorOf('m-1', 'one'))
  })

  it('switches only once the group has passed the ends that were there after the decision', async () => {
    const made = await platform()
    made.start(deciding(made))
    await made.log.append([...numbered('one', 20), model('m-1')])
    await decided(made)
    const keeper = keeping(made)
    const generations = generationsOf(made)
    await made.log.append(numbered('two', 20))
    expect(await keeper.step()).toBe(false)
    await made.log.append(numbered('three', 5)) // after the keeper has looked: not waited for
    await generations.step()
    await made.passed(embedGroup(g1))
    expect(await keeper.step()).toBe(true)
    expect((await made.index.generations())[0]?.counts.captions).toBe(45)
    await generations.stop()
  })

  it('keeps a rejected challenger with its evidence, and the champion in service', async () => {
    const made = await platform()
    const handler = deciding(made, {
      compare: async (_, challenger) => decision(challenger === 'm-2' ? 'rejected' : 'inconclusive', { challenger }),
    })
    made.start(handler)
    await made.log.append(numbered('one', 3))
    await serve(made, 'm-1', g1)
    await made.log.append([model('m-2'), model('m-3')])
    await decided(made)
    expect(states(made).slice(2)).toEqual([['rejected', 'm-2', null], ['inconclusive', 'm-3', null]]) // prettier-ignore
    expect(JSON.parse(made.catalogue.releases()[2]?.evidence ?? '')).toEqual({ challenger: 'm-2' })
    expect(made.catalogue.currentRelease()?.modelVersion).toBe('m-1')
  })

  it('refuses a first model that is no good, and takes the next as the first', async () => {
    const made = await platform()
    const judgeFirst = async (challenger: string) => ({
      accepted: challenger !== 'm-1',
      sentence: 'Judged.',
      evidence: {},
    })
    made.start(deciding(made, { judgeFirst }))
    await made.log.append([model('m-1'), model('m-2')])
    await decided(made)
    expect(states(made)).toEqual([['rejected', 'm-1', null], ['building', 'm-2', g1]]) // prettier-ignore
  })

  it('sends a model that cannot be decoded to the dead topic, and goes on with the next', async () => {
    const made = await platform()
    await made.log.append([model('m-1')])
    spoil(made, 'models.trained', 'm-1')
    made.start(deciding(made))
    await made.log.append([model('m-2')])
    await decided(made)
    expect(states(made)).toEqual([['building', 'm-2', g1]])
    const dead = await made.log.dead('models.trained')
    expect(dead.map(({ key, headers }) => [key, headers['cause']])).toEqual([['m-1', 'record-unreadable']])
  })

  it('decides on the first answer to a request only, and on each model once', async () => {
    const made = await platform()
    let comparisons = 0
    const judgeFirst = async () => {
      comparisons++
      return { accepted: false, sentence: 'No.', evidence: {} }
    }
    const handler = deciding(made, { judgeFirst })
    await made.log.append([
      model('m-1', { outcome: 'failed', manifest: null }),
      model('m-1'),
      model('m-2', { outcome: 'superseded', manifest: null }),
      model('m-3'),
      model('m-3'),
    ])
    made.start(handler)
    await decided(made)
    // Delivered from the beginning once more, as after a crash before the first commit.
    made.start({ ...handler, group: 'release again' })
    await made.passed('release again', 'models.trained')
    expect(states(made)).toEqual([['rejected', 'm-3', null]])
    expect(comparisons).toBe(1)
  })

  it('compares with the champion that will be, so waits for a build to end, and can be stopped meanwhile', async () => {
    const made = await platform()
    const champions: string[] = []
    const compare = async (champion: string) => {
      champions.push(champion)
      return decision('rejected')
    }
    const consumer = made.start(deciding(made, { compare }))
    await made.log.append([...numbered('one', 3), model('m-1'), model('m-2')])
    await made.until(() => states(made).length === 1)
    await consumer.stop()
    expect(states(made)).toHaveLength(1)
    made.start(deciding(made, { compare }))
    const generations = generationsOf(made)
    await generations.step()
    await made.passed(embedGroup(g1))
    await keeping(made).step()
    await decided(made)
    expect(states(made)).toEqual([['building', 'm-1', g1], ['promoted', 'm-1', g1], ['rejected', 'm-2', null]]) // prettier-ignore
    expect(champions).toEqual(['m-1'])
    await generations.stop()
  })

  it('can be stopped while it compares, and then has decided nothing', async () => {
    const made = await platform()
    await made.log.append(numbered('one', 3))
    const first = made.start(deciding(made))
    await serve(made, 'm-1', g1)
    await first.stop()
    const before = states(made)
    const comparing = promise()
    const compare = (_champion: string, _challenger: string, _reason: string, _look: number, signal: AbortSignal) => {
      comparing.resolve()
      return unlessStopped(new Promise<never>(() => undefined), signal)
    }
    const consumer = made.start(deciding(made, { compare }))
    await made.log.append([model('m-2')])
    await comparing.promise
    await consumer.stop()
    expect(states(made)).toEqual(before)
    made.start(deciding(made, { compare: async () => decision('rejected') }))
    await decided(made)
    expect(states(made)).toEqual([...before, ['rejected', 'm-2', null]])
  })

  it('decides anew when another release came in while it compared', async () => {
    const made = await platform()
    await made.log.append(numbered('one', 3))
    const first = made.start(deciding(made))
    await serve(made, 'm-1', g1)
    await first.stop()
    const comparing = promise()
    const goOn = promise()
    const champions: string[] = []
    made.start(
      deciding(made, {
        compare: async (champion) => {
          champions.push(champion)
          comparing.resolve()
          await goOn.promise
          return decision('promoted')
        },
      }),
    )
    await made.log.append([model('m-2')])
    await comparing.promise
    const { head: follows } = viewReleases(made.catalogue.releases())
    await made.releases.append({
      follows,
      state: 'promoted',
      modelVersion: 'm-9',
      generation: 'g9',
      reason: 'By hand.',
      evidence: null,
    })
    goOn.resolve()
    await decided(made)
    expect(champions).toEqual(['m-1', 'm-9'])
    expect(states(made).at(-1)).toEqual(['building', 'm-2', g2])
  })

  it('does no harm when there are two of it', async () => {
    const made = await platform()
    const handler = deciding(made)
    made.start(handler)
    made.start({ ...handler, group: 'another release' })
    await made.log.append([...numbered('one', 10), model('m-1')])
    await decided(made)
    await made.passed('another release', 'models.trained')
    expect(states(made)).toEqual([['building', 'm-1', g1]])
    const [one, two] = [generationsOf(made), keeping(made)]
    await one.step()
    await made.passed(embedGroup(g1))
    const other = keeping(made)
    await Promise.all([exhaust(two.step), exhaust(other.step)])
    await made.log.append([model('m-2')])
    await made.until(() => viewReleases(made.catalogue.releases()).build !== null)
    await one.step()
    await made.passed(embedGroup(g2))
    made.setForward(2_000)
    await Promise.all([exhaust(two.step), exhaust(other.step)])
    made.setForward(2_000)
    await Promise.all([exhaust(two.step), exhaust(other.step)])
    expect(states(made)).toEqual([
      ['building', 'm-1', g1],
      ['promoted', 'm-1', g1],
      ['building', 'm-2', g2],
      ['promoted', 'm-2', g2],
      ['probation-passed', 'm-2', g2],
      ['retired', 'm-1', g1],
    ])
    await one.stop()
  })
})
