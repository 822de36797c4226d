import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { accepts } from 'hono/accepts'
import type { Catalogue, CatalogueImage } from '../../catalogue/catalogue.ts'
import { AppError } from '../../core/errors.ts'
import { isImageContentType } from '../../core/image-types.ts'
import { needs } from '../access/route-permissions.ts'
import { variantTypes } from '../../models/picture-variant.ts'
import type { ApiDependencies } from '../dependencies.ts'
import type { ApiEnvironment } from '../middleware/trace.ts'
import { createPictureVariants, variantWidths } from '../picture-variants.ts'
import { CaptionSchema, json, MetadataSchema, pathId, problems, SplitSchema } from '../schemas.ts'
import { imageAddress } from '../search-types.ts'

const ImageSchema = z
  .object({
    imageId: z.uuid(),
    content: z.string().openapi({ description: 'The address of the bytes.' }),
    contentType: z.string(),
    width: z.int(),
    height: z.int(),
    split: SplitSchema,
    source: z.string(),
    metadata: MetadataSchema,
    captions: z.array(CaptionSchema),
  })
  .openapi('Image')

const tags = ['Pictures']

const imageRoute = createRoute({
  ...needs('pairs:read'),
  method: 'get',
  path: '/v1/images/{id}',
  tags,
  summary: 'A picture and its captions',
  request: { params: pathId('imageId') },
  responses: { 200: json(ImageSchema, 'The picture'), ...problems },
})

const ContentQuerySchema = z.strictObject({
  width: z.enum(variantWidths.map(String)).transform(Number).optional().openapi({
    description:
      'At most so many pixels wide, upright and on white; WebP where `Accept` names it, else JPEG. Without it the bytes are those that were published.',
  }),
})

const contentRoute = createRoute({
  ...needs('pairs:read'),
  method: 'get',
  path: '/v1/images/{id}/content',
  tags,
  summary: 'The bytes of a picture, as published or resized',
  request: { params: pathId('imageId'), query: ContentQuerySchema },
  responses: {
    200: { description: 'The bytes', content: { 'image/*': { schema: z.string().openapi({ format: 'binary' }) } } },
    304: { description: 'The copy named by If-None-Match is current' },
    ...problems,
  },
})

/** `GET /v1/images/{id}` and `/content`. */
export function imageRoutes({ catalogue, blobs }: Pick<ApiDependencies, 'catalogue' | 'blobs'>) {
  const routes = new OpenAPIHono<ApiEnvironment>()
  const variantOf = createPictureVariants({ catalogue, blobs })

  routes.openapi(imageRoute, async (context) => {
    const { imageId, contentType, width, height, split, source, metadata, captions } = liveImage(
      catalogue,
      context.req.valid('param').id,
    )
    const content = imageAddress(imageId)
    const picture = { imageId, content, contentType, width, height, split, source, metadata, captions: [...captions] }
    return context.json(picture, 200)
  })

  routes.openapi(contentRoute, async (context) => {
    const image = liveImage(catalogue, context.req.valid('param').id)
    const { width } = context.req.valid('query')
    const known = context.req.header('if-none-match')
    if (width !== undefined) {
      const type = accepts(context, { header: 'Accept', supports: [...variantTypes], default: 'image/jpeg' })
      const variant = { width, type: variantTypes.find((known) => known === type) ?? 'image/jpeg' }
      const headers = { ...kept(`${image.imageId}-${width}-${variant.type.slice('image/'.length)}`), vary: 'Accept' }
      if (known?.includes(headers.etag) === true) return context.body(null, 304, headers)
      const bytes = await variantOf(image, variant)
      return context.body(new Uint8Array(bytes), 200, { ...headers, 'content-type': variant.type })
    }
    const headers = kept(image.imageId)
    if (known?.includes(headers.etag) === true) return context.body(null, 304, headers)
    const bytes = await blobs.get(image.blobKey)
    if (bytes === null)
      throw new AppError('blob-missing', `The bytes of the picture ${image.imageId} are gone from the blob store.`)
    // What was folded before records were held to these types must not become a page of this origin.
    const contentType = isImageContentType(image.contentType) ? image.contentType : 'application/octet-stream'
    return context.body(new Uint8Array(bytes), 200, { ...headers, 'content-type': contentType })
  })
  return routes
}

/** The name says which bytes these are, so they never change; shared caches keep no copy of what may be erased. */
const kept = (name: string) => ({ etag: `"${name}"`, 'cache-control': 'private, max-age=31536000, immutable' })

function liveImage(catalogue: Catalogue, imageId: string): CatalogueImage {
  const image = catalogue.image(imageId)
  if (image === null) throw new AppError('image-not-found', `There is no picture ${imageId}; it may have been erased.`)
  return image
}
