import sharp from 'sharp'
import { expect, it } from 'vitest'
import { createPictureVariants } from '../../../src/api/picture-variants.ts'
import { imageRoutes } from '../../../src/api/routes/images.ts'
import type { CatalogueImage } from '../../../src/catalogue/catalogue.ts'
import { pairKey } from '../../../src/core/ids.ts'
import { imageBlobKey } from '../../../src/core/pair-record.ts'
import { pairEvent } from '../../fixtures/pair-events.ts'
import { picture } from '../fixtures/colour-encoder.ts'
import { runningApi } from '../fixtures/running-api.ts'

async function onePicture() {
  const api = await runningApi()
  const { imageId, pairId } = await api.publish('red', 'a red square', { metadata: { album: 'warm' } })
  await api.catalogue.caughtUp(api.log)
  return { ...api, imageId, pairId, content: `/v1/images/${imageId}/content` }
}

it('describes a picture', async () => {
  const { app, imageId, pairId, content } = await onePicture()
  const response = await app.request(`/v1/images/${imageId}`)
  expect(response.status).toBe(200)
  expect(await response.json()).toEqual({
    imageId,
    content,
    contentType: 'image/png',
    width: 16,
    height: 16,
    split: 'train',
    source: 'test',
    metadata: { album: 'warm' },
    captions: [{ pairId, caption: 'a red square' }],
  })
})

it('gives its bytes, to be kept by the browser alone', async () => {
  const { app, imageId, content } = await onePicture()
  const response = await app.request(content)
  expect(Buffer.from(await response.arrayBuffer()).equals(await picture('red'))).toBe(true)
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'image/png',
    etag: `"${imageId}"`,
    'cache-control': 'private, max-age=31536000, immutable',
    'x-content-type-options': 'nosniff',
  })
  const again = await app.request(content, { headers: { 'if-none-match': `"other", W/"${imageId}"` } })
  expect([again.status, await again.text()]).toEqual([304, ''])
  expect((await app.request(content, { headers: { 'if-none-match': '"other"' } })).status).toBe(200)
  expect((await app.request(content, { method: 'HEAD' })).status).toBe(200)
})

it('gives it resized, as what the browser takes, made once and never larger', async () => {
  const { app, blobs, log, catalogue } = await onePicture()
  const wide = await sharp({ create: { width: 1_000, height: 500, channels: 4, background: { r: 200, g: 0, b: 0, alpha: 0.5 } } }).png().toBuffer() // prettier-ignore
  const form = new FormData()
  form.set('image', new File([new Uint8Array(wide)], 'wide.png'))
  form.set('caption', 'a wide picture')
  const { imageId } = (await (await app.request('/v1/pairs', { method: 'POST', body: form })).json()) as { imageId: string } // prettier-ignore
  await catalogue.caughtUp(log)
  let read = 0
  const get = blobs.get.bind(blobs)
  Object.assign(blobs, { get: (key: string) => (read++, get(key)) })
  const ask = (width: number, headers: Record<string, string> = {}) =>
    app.request(`/v1/images/${imageId}/content?width=${width}`, { headers })
  const browser = { accept: 'image/avif,image/webp,image/*;q=0.8' }
  const [webp, again] = await Promise.all([ask(320, browser), ask(320, browser)])
  const facts = await sharp(await webp.arrayBuffer()).metadata()
  expect(facts).toMatchObject({ format: 'webp', width: 320, height: 160, hasAlpha: false })
  expect(again.status).toBe(200)
  expect((await ask(320, browser)).status).toBe(200)
  expect(read).toBe(1)
  expect(Object.fromEntries(webp.headers)).toMatchObject({
    'content-type': 'image/webp',
    'cache-control': 'private, max-age=31536000, immutable',
    etag: `"${imageId}-320-webp"`,
    vary: 'Accept',
  })
  const jpeg = await ask(1_280)
  expect(await sharp(await jpeg.arrayBuffer()).metadata()).toMatchObject({ format: 'jpeg', width: 1_000 })
  expect(jpeg.headers.get('etag')).toBe(`"${imageId}-1280-jpeg"`)
  const current = await ask(320, { ...browser, 'if-none-match': webp.headers.get('etag') ?? '' })
  expect([current.status, await current.text()]).toEqual([304, ''])
  expect((await ask(320, { 'if-none-match': webp.headers.get('etag') ?? '' })).status).toBe(200)
  for (const width of [0, 321, 100_000]) expect((await ask(width)).status).toBe(400)
})

it('has no resized picture of an erased one, and keeps none', async () => {
  const { app, erase, catalogue, log, pairId, imageId, content, blobs } = await onePicture()
  expect((await app.request(`${content}?width=160`)).status).toBe(200)
  await erase(pairId, 'test')
  await catalogue.caughtUp(log)
  expect((await app.request(`${content}?width=160`)).status).toBe(404)
  const variantOf = createPictureVariants({ catalogue, blobs })
  await blobs.delete(imageBlobKey(imageId))
  const gone = { imageId, blobKey: imageBlobKey(imageId) } as CatalogueImage
  await expect(variantOf(gone, { width: 160, type: 'image/jpeg' })).rejects.toMatchObject({ code: 'blob-missing' })
})

it('never lets a browser read what it keeps as anything but a picture', async () => {
  const { app, log, catalogue, blobs, content } = await onePicture()
  const page = pairEvent('<script src="another"></script>', 'a page', { contentType: 'text/html' })
  await log.append([{ topic: 'pairs', key: pairKey(page.imageId, page.pairId), value: page }])
  await catalogue.caughtUp(log)
  expect((await app.request(`/v1/images/${page.imageId}/content`)).status).toBe(404)

  // One that was folded before such records were refused.
  for (const contentType of ['text/html', 'image/png\r\nset-cookie: a=b']) {
    const image = (id: string) => {
      const folded = catalogue.image(id)
      return folded === null ? null : { ...folded, contentType }
    }
    const response = await imageRoutes({ catalogue: { ...catalogue, image }, blobs }).request(content)
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/octet-stream'])
  }
})

it('has nothing of an erased or unknown picture, whatever the browser has', async () => {
  const { app, erase, catalogue, log, imageId, pairId, content } = await onePicture()
  await erase(pairId, 'test')
  await catalogue.caughtUp(log)
  for (const path of [content, `/v1/images/${imageId}`, `/v1/images/${pairId}`]) {
    const response = await app.request(path, { headers: { 'if-none-match': `"${imageId}"` } })
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([404, 'image-not-found'])
  }
})

it('says when the bytes are gone', async () => {
  const { app, blobs, imageId, content } = await onePicture()
  await blobs.delete(imageBlobKey(imageId))
  expect(await (await app.request(content)).json()).toMatchObject({ status: 404, code: 'blob-missing' })
})

it('resizes pictures that are higher than a file of this type can be', async () => {
  const { app, catalogue, log } = await onePicture()
  const strip = await sharp({ create: { width: 60, height: 17_000, channels: 3, background: 'red' } })
    .png()
    .toBuffer()
  const form = new FormData()
  form.set('image', new File([new Uint8Array(strip)], 'strip.png'))
  const { imageId } = (await (await app.request('/v1/pairs', { method: 'POST', body: form })).json()) as { imageId: string } // prettier-ignore
  await catalogue.caughtUp(log)
  const response = await app.request(`/v1/images/${imageId}/content?width=160`, { headers: { accept: 'image/webp' } })
  expect(response.status).toBe(200)
  expect(await sharp(await response.arrayBuffer()).metadata()).toMatchObject({ format: 'webp', height: 16_383 })
})
