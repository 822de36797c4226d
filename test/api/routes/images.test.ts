import { expect, it } from 'vitest'
import { imageRoutes } from '../../../src/api/routes/images.ts'
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
