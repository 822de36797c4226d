import { AppError } from '../../../core/errors.ts'

type Failure = {
  readonly name?: string
  /** The server's word for it, from the body of its answer; the client makes up a name where there is none. */
  readonly Code?: string
  readonly code?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
}

const nameOf = (error: unknown): string => (error as Failure).name ?? ''
const statusOf = (error: unknown): number => (error as Failure).$metadata?.httpStatusCode ?? 0

const FULL = ['XMinioStorageFull', 'XMinioAdminBucketQuotaExceeded', 'QuotaExceeded', 'InsufficientStorage']
/** MinIO's word for a disk that is full in the middle of a put, which it calls an internal error. */
const NO_SPACE = /no space left|disk full|quota exceeded/i
const NAME_REFUSED = ['KeyTooLongError', 'XMinioInvalidObjectName', 'EntityTooLarge']
const IN_THE_WAY = [
  'XMinioParentIsObject',
  'XMinioObjectExistsAsDirectory',
  'ObjectParentIsFile',
  'ExistingObjectIsDirectory',
]
const NETWORK = /^(E[A-Z_]+|UND_ERR_\w+)$/

/** The server says that there is nothing under the key. A bare 404 does not: a proxy in front of a server that is away says so too. */
export const isAbsent = (error: unknown): boolean =>
  ['NoSuchKey', 'NotFound', 'NoSuchVersion'].includes((error as Failure).Code ?? '')

/** The same for a HEAD, whose answer has no body to say more; ask for the bucket where the difference matters. */
export const isAbsentHead = (error: unknown): boolean => statusOf(error) === 404

export const isNoBucket = (error: unknown): boolean => nameOf(error) === 'NoSuchBucket'

/** The server does not know the request, as smaller ones do not know versions. */
export const isUnknownRequest = (error: unknown): boolean =>
  statusOf(error) === 501 || ['NotImplemented', 'VersioningNotConfigured', 'MethodNotAllowed'].includes(nameOf(error))

const isLate = (error: unknown): boolean => ['AbortError', 'TimeoutError'].includes(nameOf(error))

/** The client calls a connection that was cut a timeout too, but leaves the system's code on it. */
const isUnreachable = (error: unknown): boolean =>
  NETWORK.test((error as Failure).code ?? '') || (error as Error).message === 'aborted'

/** What the server says about who asks and where, as a sentence that says what to do; null where it is about something else. */
function refusalOf(error: unknown, bucket: string): string | null {
  switch (nameOf(error)) {
    case 'NoSuchBucket':
      return `There is no bucket ${bucket}; create it, or allow the access key to do so.`
    case 'InvalidAccessKeyId':
      return 'The S3 server does not know the access key; check it and the address of the server.'
    case 'SignatureDoesNotMatch':
      return 'The secret key does not belong to the access key; check both.'
    case 'ExpiredToken':
    case 'InvalidToken':
      return 'The credentials for S3 are no longer valid; renew them.'
    case 'CredentialsProviderError':
      return 'There are no credentials for S3; give an access key and its secret key.'
    case 'RequestTimeTooSkewed':
      return 'The clock of this machine is too far from that of the S3 server; set it.'
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
      return `The bucket ${bucket} is in another region; give that region.`
    case 'InvalidBucketName':
      return 'The name of the bucket has characters or a length that S3 does not take; choose another.'
  }
  const status = statusOf(error)
  if (status === 401 || status === 403) {
    return `Access to the bucket ${bucket} is denied; allow the access key to list, get, put and delete there, with versions.`
  }
  if (status === 301 || status === 307) return `The bucket ${bucket} is in another region; give that region.`
  return null
}

/** A failure while the store is opened: what the configuration is at fault for is `configuration-invalid`. */
export function translateOpening(error: unknown, bucket: string): AppError {
  if (error instanceof AppError) return error
  const refusal = refusalOf(error, bucket)
  if (refusal !== null) return new AppError('configuration-invalid', refusal, { cause: error })
  const status = statusOf(error)
  if (status >= 200 && status < 500 && status !== 408 && status !== 429) {
    return new AppError(
      'configuration-invalid',
      `What answers there does not speak S3 (${nameOf(error)}); give the address of the S3 server itself, not of its web page.`,
      { cause: error },
    )
  }
  return translateFailure(error, bucket)
}

/**
 * A failure while the store is used. Credentials that were taken away or a bucket that is gone are an outage then, which loses
 * nothing, and not a fault of the blob that was asked for.
 */
export function translateFailure(error: unknown, bucket: string): AppError {
  if (error instanceof AppError) return error
  const options = { cause: error }
  const status = statusOf(error)
  const name = nameOf(error)
  if (status === 507 || FULL.includes(name) || NO_SPACE.test((error as Error).message)) {
    return new AppError('storage-full', `The S3 server is full (${name}); free some space and go on.`, options)
  }
  if (IN_THE_WAY.includes(name)) {
    return new AppError('invalid-request', 'A blob key may not be the beginning of the path of another.', options)
  }
  if (NAME_REFUSED.includes(name)) {
    return new AppError('invalid-request', `The S3 server takes no blob of this name or size (${name}).`, options)
  }
  const refusal = refusalOf(error, bucket)
  if (refusal !== null) return new AppError('blob-store-unavailable', refusal, options)
  if (isUnreachable(error)) {
    const code = (error as Failure).code ?? 'connection cut'
    return new AppError('blob-store-unavailable', `The S3 server is out of reach (${code}); start it.`, options)
  }
  if (isLate(error)) {
    return new AppError('blob-store-unavailable', 'The S3 server did not answer in time; see whether it runs.', options)
  }
  if (status >= 500 || status === 408 || status === 429 || name === 'SlowDown') {
    return new AppError('blob-store-unavailable', `The S3 server cannot answer now (${name}, ${status}).`, options)
  }
  if (status > 0 && (error as Failure).Code === undefined) {
    const detail = `What answers in place of the S3 server does not speak S3 (${status}); see whether the server runs.`
    return new AppError('blob-store-unavailable', detail, options)
  }
  return new AppError('internal', `The S3 server refused a request (${name}, ${status}).`, options)
}
