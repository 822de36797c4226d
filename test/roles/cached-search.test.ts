import { expect, it } from 'vitest'
import type { SearchRequest } from '../../src/api/search-types.ts'
import { pairRecord, tombstone } from '../fixtures/pair-events.ts'
import { openedServices } from './opened-services.ts'

const dogs: SearchRequest = {
  input: { kind: 'text', text: 'dog' },
  target: 'captions',
  mode: 'text',
  limit: 10,
  offset: 0,
  filter: {},
}

it('gives an answer again until something is published or erased, and counts both', async () => {
  const { search, log, catalogue, metrics } = await openedServices()
  const ask = async () => {
    const { hits, cached } = await search.search(dogs)
    return { captions: hits.map(({ caption }) => caption).sort(), cached }
  }
  await log.append([pairRecord('a', 'a dog')])
  await catalogue.caughtUp(log)
  expect(await ask()).toEqual({ captions: ['a dog'], cached: false })
  expect(await ask()).toEqual({ captions: ['a dog'], cached: true })

  await log.append([pairRecord('b', 'two dogs')])
  await catalogue.caughtUp(log)
  expect(await ask()).toEqual({ captions: ['a dog', 'two dogs'], cached: false })
  expect((await ask()).cached).toBe(true)

  await log.append([tombstone('a', 'a dog')])
  await catalogue.caughtUp(log)
  expect(await ask()).toEqual({ captions: ['two dogs'], cached: false })
  expect((await ask()).cached).toBe(true)

  const [first, second] = await search.searchAll([dogs, { ...dogs, limit: 5 }])
  expect(first).toMatchObject({ cached: true })
  expect(second).toMatchObject({ cached: false })
  const text = await metrics.text()
  expect(text).toContain('pairstream_search_cache_total{outcome="hit"} 4')
  expect(text).toContain('pairstream_search_cache_total{outcome="miss"} 4')
})
