import type { z } from '@hono/zod-openapi'
import { AppError } from '../core/errors.ts'
import { filterOf } from './filter-schemas.ts'
import type { BodySchema, FormSchema, QuerySchema } from './search-schemas.ts'
import { TEXT_WEIGHT, type SearchInput, type SearchRequest } from './search-types.ts'
import { decodeBase64, fileBytes } from './uploads.ts'

type Picture = Extract<SearchInput, { kind: 'both' }>['picture']

/** The search that the fields of an address mean. Throws `invalid-request`. */
export function searchOfQuery({
  q,
  imageId,
  textWeight,
  split,
  metadata,
  range,
  ...wishes
}: z.output<typeof QuerySchema>): SearchRequest {
  const pictures: Picture[] = imageId === undefined ? [] : [{ kind: 'image', imageId }]
  return { input: inputOf(q, pictures, [], textWeight), filter: filterOf({ split, metadata, range }), ...wishes }
}

/** The search that a form means. Throws `invalid-request`. */
export async function searchOfForm({
  image,
  text,
  textWeight,
  split,
  metadata,
  range,
  ...wishes
}: z.output<typeof FormSchema>): Promise<SearchRequest> {
  const picture: Picture = { kind: 'picture', bytes: await fileBytes('image', image) }
  return { input: inputOf(text, [picture], [], textWeight), filter: filterOf({ split, metadata, range }), ...wishes }
}

/** The search that a JSON body means. Throws `invalid-request`. */
export function searchOfBody({
  text,
  image,
  embedding,
  imageId,
  textWeight,
  ...wishes
}: z.output<typeof BodySchema>): SearchRequest {
  const pictures: Picture[] = []
  if (image !== undefined) pictures.push({ kind: 'picture', bytes: decodeBase64('image', image) })
  if (imageId !== undefined) pictures.push({ kind: 'image', imageId })
  const others: SearchInput[] = embedding === undefined ? [] : [{ kind: 'embedding', embedding }]
  return { input: inputOf(text, pictures, others, textWeight), ...wishes }
}

function inputOf(
  text: string | undefined,
  pictures: readonly Picture[],
  others: readonly SearchInput[],
  textWeight: number | undefined,
): SearchInput {
  const [picture] = pictures
  if (text !== undefined && picture !== undefined && pictures.length === 1 && others.length === 0) {
    return { kind: 'both', text, picture, textWeight: textWeight ?? TEXT_WEIGHT }
  }
  if (textWeight !== undefined) {
    throw new AppError('invalid-request', 'textWeight: it weighs a text beside a picture; give both, or leave it out.')
  }
  const words: SearchInput[] = text === undefined ? [] : [{ kind: 'text', text }]
  const [input, second] = [...words, ...pictures, ...others]
  if (input === undefined || second !== undefined) {
    throw new AppError(
      'invalid-request',
      'Give one thing to search for: a text, a picture, an embedding, or a picture id; or a text with one picture; see /docs.',
    )
  }
  return input
}
