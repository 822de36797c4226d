import type { Mode, Query } from './api.ts'

export const noQuery: Query = { text: '', like: null, picture: null, target: 'images', mode: 'vector' }

export const modeOf = (name: string | null): Mode => (name === 'text' || name === 'hybrid' ? name : 'vector')

export const isEmpty = (query: Query): boolean => query.text === '' && query.like === null && query.picture === null

/** The query that a shared address holds. */
export function readAddress(address: URLSearchParams): Query {
  return {
    text: address.get('q')?.trim() ?? '',
    like: address.get('like'),
    picture: null,
    target: address.get('target') === 'captions' ? 'captions' : 'images',
    mode: modeOf(address.get('mode')),
  }
}

/** The address that holds the query; a picture of one's own cannot be shared and leaves only the switches. */
export function writeAddress(query: Query): string {
  const address = new URLSearchParams()
  if (query.picture === null && query.like !== null) address.set('like', query.like)
  else if (query.picture === null && query.text !== '') address.set('q', query.text)
  if (query.target !== noQuery.target) address.set('target', query.target)
  if (query.mode !== noQuery.mode && query.like === null) address.set('mode', query.mode)
  const text = address.toString()
  return text === '' ? '/' : `/?${text}`
}
