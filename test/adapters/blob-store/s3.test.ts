import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { checkS3, createS3BlobStore } from '../../../src/adapters/blob-store/s3.ts'
import { endOfSecond } from '../../../src/adapters/blob-store/s3/objects.ts'
import type { BlobStore } from '../../../src/ports/blob-store.ts'
import { answeringServer } from '../../fixtures/answering-server.ts'

type Answer = { readonly status: number; readonly text?: string }

const refusal = (status: number, code: string, message = 'm'): Answer => ({
  status,
  text: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
})
const EMPTY: Answer = {
  status: 200,
  text: '<?xml version="1.0"?><ListBucketResult><Name>pictures</Name></ListBucketResult>',
}
const UNVERSIONED: Answer = { status: 200, text: '<?xml version="1.0"?><VersioningConfiguration/>' }

const keys = { accessKeyId: 'key', secretAccessKey: 'secret' }

/** A server that answers by method and query; what is not told is an empty bucket without versions. */
const serverThat = (
  answers: Readonly<Record<string, Answer>>,
  onQuestion: (question: string, headers: IncomingHttpHeaders) => void = () => undefined,
): Promise<string> =>
  answeringServer(({ method = '', url = '', headers }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://host')
    const isVersioning = searchParams.has('versioning')
    const question = isVersioning ? `${method} versioning` : searchParams.has('list-type') ? 'LIST' : method
    const usual = isVersioning ? UNVERSIONED : question === 'LIST' ? EMPTY : { status: 200 }
    onQuestion(question, headers)
    const { status, text = '' } = answers[`${question} ${pathname}`] ?? answers[question] ?? usual
    response.writeHead(status, { 'content-type': 'application/xml' }).end(method === 'HEAD' ? '' : text)
  })

async function openAt(endpoint: string, deadline = 2_000): Promise<BlobStore> {
  const store = await createS3BlobStore({ bucket: 'pictures', endpoint, ...keys, deadline })
  onTestFinished(() => store.close())
  return store
}

describe('opening', () => {
  const answers = [
    { name: 'an unknown access key', list: refusal(403, 'InvalidAccessKeyId'), says: /access key/ },
    { name: 'a wrong secret key', list: refusal(403, 'SignatureDoesNotMatch'), says: /secret key/ },
    { name: 'a key that may not', list: refusal(403, 'AccessDenied'), says: /allow the access key/ },
    { name: 'a clock that is wrong', list: refusal(403, 'RequestTimeTooSkewed'), says: /clock/ },
    { name: 'another region', list: refusal(400, 'AuthorizationHeaderMalformed'), says: /region/ },
    { name: 'a web page', list: { status: 200, text: '<html><body>Welcome' }, says: /not speak S3/ },
    { name: 'a web page in XHTML', list: { status: 200, text: '<html><body/></html>' }, says: /not speak S3/ },
    { name: 'a server without such a page', list: { status: 404, text: 'nothing here' }, says: /not speak S3/ },
  ]

  it.each(answers)('tells what to do about $name', async ({ list, says }) => {
    const endpoint = await serverThat({ LIST: list })
    const refused = { code: 'configuration-invalid', message: expect.stringMatching(says) as string }
    await expect(openAt(endpoint)).rejects.toMatchObject(refused)
    expect(await checkS3({ bucket: 'pictures', endpoint, ...keys })).toEqual([
      { level: 'problem', text: expect.stringMatching(says) as string },
    ])
  })

  it('tells to create a bucket that it may not make, and to enable versions that are suspended', async () => {
    const mayNot = await serverThat({ LIST: refusal(404, 'NoSuchBucket'), PUT: refusal(403, 'AccessDenied') })
    const create = { code: 'configuration-invalid', message: expect.stringContaining('create it') as string }
    await expect(openAt(mayNot)).rejects.toMatchObject(create)
    const status = '<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>'
    const suspended = await serverThat({ 'GET versioning': { status: 200, text: status } })
    await expect(openAt(suspended)).rejects.toMatchObject({ message: expect.stringContaining('suspended') as string })
  })

  it('tells of a bucket that is missing, and makes none, where it was told not to', async () => {
    const asked: string[] = []
    const endpoint = await serverThat({ LIST: refusal(404, 'NoSuchBucket') }, (question) => asked.push(question))
    const options = { bucket: 'pictures', endpoint, ...keys }
    expect(await checkS3(options)).toEqual([
      { level: 'warning', text: expect.stringContaining('There is no bucket pictures yet') as string },
    ])
    const refused = { code: 'configuration-invalid', message: expect.stringContaining('no bucket pictures') as string }
    await expect(createS3BlobStore({ ...options, create: false })).rejects.toMatchObject(refused)
    expect(asked).toEqual(['LIST', 'LIST'])
  })

  it('refuses options that do not go together', async () => {
    const refused = { code: 'configuration-invalid' }
    await expect(createS3BlobStore({ bucket: 'b', accessKeyId: 'key' })).rejects.toMatchObject(refused)
    await expect(createS3BlobStore({ bucket: 'b', endpoint: 'minio:9000', ...keys })).rejects.toMatchObject(refused)
  })

  it('waits for a server that is away, silent or overloaded: no fault of the configuration', async () => {
    const away = { code: 'blob-store-unavailable' }
    await expect(openAt('http://127.0.0.1:1')).rejects.toMatchObject(away)
    await expect(openAt(await serverThat({ LIST: refusal(503, 'SlowDown') }))).rejects.toMatchObject(away)
    await expect(openAt(await answeringServer(() => undefined), 100)).rejects.toMatchObject(away)
  })

  it('does without versions where the server does not know them', async () => {
    const store = await openAt(await serverThat({ 'GET versioning': refusal(501, 'NotImplemented') }))
    await store.delete('a')
  })
})

describe('a server that fails later', () => {
  const failures = [
    { answer: refusal(507, 'XMinioStorageFull'), code: 'storage-full' },
    { answer: refusal(400, 'XMinioAdminBucketQuotaExceeded'), code: 'storage-full' },
    { answer: refusal(500, 'InternalError', 'cause(no space left on device)'), code: 'storage-full' },
    { answer: refusal(503, 'SlowDown'), code: 'blob-store-unavailable' },
    { answer: refusal(500, 'InternalError'), code: 'blob-store-unavailable' },
    { answer: refusal(403, 'ExpiredToken'), code: 'blob-store-unavailable' },
    { answer: refusal(404, 'NoSuchBucket'), code: 'blob-store-unavailable' },
    { answer: refusal(400, 'KeyTooLongError'), code: 'invalid-request' },
    { answer: refusal(400, 'XMinioParentIsObject'), code: 'invalid-request' },
    { answer: refusal(400, 'InvalidArgument'), code: 'internal' },
  ]

  it.each(failures)('$answer.text is $code', async ({ answer, code }) => {
    const store = await openAt(await serverThat({ PUT: answer, 'GET /pictures/a': answer }))
    await expect(store.put('a', new Uint8Array(3))).rejects.toMatchObject({ code })
    if (code !== 'storage-full') await expect(store.get('a')).rejects.toMatchObject({ code })
  })

  it('is not taken for a missing blob when the whole bucket is gone', async () => {
    const store = await openAt(await serverThat({ HEAD: { status: 404 } }))
    await expect(store.info('a')).rejects.toMatchObject({ code: 'blob-store-unavailable' })
  })

  const strangers = [
    { name: 'nothing', status: 404, text: '' },
    { name: 'a page', status: 404, text: '<html><body>no such host</body></html>' },
    { name: 'a text', status: 404, text: '404 page not found' },
    { name: 'a redirection', status: 302, text: 'moved' },
    { name: 'a refusal', status: 400, text: 'bad request' },
  ]

  it.each(strangers)('behind a proxy that answers $status with $name is an outage', async ({ status, text }) => {
    const answer = { status, text }
    const object = '/pictures/a'
    const endpoint = await serverThat({ [`GET ${object}`]: answer, [`DELETE ${object}`]: answer })
    const store = await openAt(endpoint)
    const away = { code: 'blob-store-unavailable' }
    await expect(store.get('a')).rejects.toMatchObject(away)
    await expect(store.delete('a')).rejects.toMatchObject(away)
  })

  it('says itself that there is no such blob', async () => {
    const store = await openAt(await serverThat({ 'GET /pictures/a': refusal(404, 'NoSuchKey') }))
    expect(await store.get('a')).toBeNull()
  })

  it('may cut a blob off: that is no blob', async () => {
    const endpoint = await answeringServer(({ method, url = '' }, response) => {
      if (url.includes('versioning')) return void response.writeHead(200).end(UNVERSIONED.text)
      if (url.includes('list-type')) return void response.writeHead(200).end(EMPTY.text)
      if (method === 'GET')
        response.writeHead(200, { 'content-length': '1000' }).write('part', () => response.destroy())
    })
    const store = await openAt(endpoint)
    await expect(store.get('a')).rejects.toMatchObject({ code: 'blob-store-unavailable' })
  })
})

it('puts without the checksums of newer clients, which older servers answer with an error', async () => {
  const puts: IncomingHttpHeaders[] = []
  const endpoint = await serverThat({}, (question, headers) => {
    if (question === 'PUT') puts.push(headers)
  })
  await (await openAt(endpoint)).put('a', new Uint8Array(3))
  expect(puts).toHaveLength(1)
  const [sent = {}] = puts
  expect(Object.keys(sent).filter((name) => /^x-amz-(sdk-)?checksum-/.test(name))).toEqual([])
  expect(sent['content-encoding'] ?? '').not.toContain('aws-chunked')
})

it('tells the end of the second of a put, whether the server knows fractions of it or not', () => {
  expect(endOfSecond(new Date(5_000))).toBe(5_999)
  expect(endOfSecond(new Date(5_730))).toBe(5_999)
  expect(endOfSecond(new Date(5_999))).toBe(5_999)
})
