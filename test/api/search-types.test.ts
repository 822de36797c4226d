import { expect, it } from 'vitest'
import { isUnfilteredVectorSearch, type SearchRequest } from '../../src/api/search-types.ts'

const request: SearchRequest = {
  input: { kind: 'text', text: 'a dog' },
  target: 'images',
  mode: 'vector',
  limit: 10,
  offset: 0,
  filter: { metadata: {} },
}

it('knows the searches that find something with any release', () => {
  expect(isUnfilteredVectorSearch(request)).toBe(true)
  const others: Partial<SearchRequest>[] = [
    { mode: 'text' },
    { offset: 1_000 },
    { filter: { splits: ['test'] } },
    { filter: { metadata: { place: ['beach'] } } },
  ]
  for (const change of others) expect(isUnfilteredVectorSearch({ ...request, ...change })).toBe(false)
})
