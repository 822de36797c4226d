import { z } from '@hono/zod-openapi'
import { AppError } from '../core/errors.ts'
import type { Body } from './body.ts'
import type { PairEntry } from './dependencies.ts'
import { FileSchema, MetadataSchema, repeatable } from './schemas.ts'
import { decodeBase64, fileBytes, parseJsonField } from './uploads.ts'

/** More at once gains nothing and makes a repeat after a failure long. */
const MAX_PAIRS = 1_000

const about = {
  subject: z.string().min(1).max(200).optional().openapi({ description: 'Whose data it is, opaque; part of the id.' }),
  split: z.string().optional().openapi({ description: 'train, validation, fresh or test; drawn where absent.' }),
  source: z.string().min(1).max(500).optional().openapi({ description: 'Where it came from, for people.' }),
}

export const PairSchema = z
  .strictObject({
    image: z.string().openapi({ description: 'The picture file in base64.' }),
    caption: z.string().nullable().optional(),
    metadata: MetadataSchema.optional(),
    ...about,
  })
  .openapi('Pair')

export const PairBatchSchema = z.strictObject({ pairs: z.array(PairSchema).min(1).max(MAX_PAIRS) }).openapi('PairBatch')

export const PairFormSchema = z.object({
  image: repeatable(FileSchema, MAX_PAIRS).openapi({ description: 'One picture, or as many as captions.' }),
  caption: repeatable(z.string(), MAX_PAIRS)
    .optional()
    .openapi({ description: 'Several captions of one picture, or one for each.' }),
  metadata: z.string().optional().openapi({ description: 'A JSON object of strings, for all pictures.' }),
  ...about,
})

type PairsBody = Body<z.output<typeof PairSchema> | z.output<typeof PairBatchSchema>, z.output<typeof PairFormSchema>>

/** The entries of a body, in its order. A picture is decoded when it is asked for, so one bad one spoils no other. */
export function pairEntries(body: PairsBody): readonly PairEntry[] {
  if (body.type === 'form') return formEntries(body.value)
  return 'pairs' in body.value ? body.value.pairs.map(jsonEntry) : [jsonEntry(body.value)]
}

/** Whether the body holds one pair and so is answered with one. */
export function isSinglePair(body: PairsBody): boolean {
  if (body.type === 'json') return !('pairs' in body.value)
  return body.value.image.length === 1 && (body.value.caption?.length ?? 0) <= 1
}

const jsonEntry = (pair: z.output<typeof PairSchema>): PairEntry => ({
  image: async () => decodeBase64('image', pair.image),
  bytes: pair.image.length,
  caption: pair.caption ?? null,
  subject: pair.subject ?? null,
  split: pair.split ?? null,
  source: pair.source ?? 'http',
  metadata: pair.metadata ?? {},
})

function formEntries(form: z.output<typeof PairFormSchema>): PairEntry[] {
  const { image: files, caption: captions = [], subject = null, split = null } = form
  if (captions.length > 0 && files.length > 1 && files.length !== captions.length) {
    throw new AppError(
      'invalid-request',
      `${files.length} pictures came with ${captions.length} captions; send one picture with its captions, or a caption for each.`,
    )
  }
  const metadata = formMetadata(form.metadata)
  const pictures = files.map((file) => ({
    image: () => fileBytes('image', file),
    bytes: file.size,
    source: form.source ?? (file.name === '' ? 'http' : `http:${file.name}`),
  }))
  const entry = (picture: (typeof pictures)[number], caption: string | undefined): PairEntry => ({
    ...picture,
    caption: caption ?? null,
    subject,
    split,
    metadata,
  })
  const [first] = pictures
  if (first !== undefined && pictures.length === 1 && captions.length > 1)
    return captions.map((caption) => entry(first, caption))
  return pictures.map((picture, i) => entry(picture, captions[i]))
}

function formMetadata(text: string | undefined): Readonly<Record<string, string>> {
  if (text === undefined) return {}
  const result = MetadataSchema.safeParse(parseJsonField('metadata', text))
  if (!result.success)
    throw new AppError('metadata-invalid', 'metadata: write a JSON object of strings: {"colour":"red"}.')
  return result.data
}
