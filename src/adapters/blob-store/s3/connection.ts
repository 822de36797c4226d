import { S3Client } from '@aws-sdk/client-s3'
import { AppError } from '../../../core/errors.ts'

export type S3Options = {
  readonly bucket: string
  /** Path in the bucket below which the keys are, without a slash at either end; default: none. */
  readonly prefix?: string
  /** URL of a server that is not AWS (MinIO, versitygw); the bucket is then in the path of requests, not in the host. */
  readonly endpoint?: string
  /** Default `us-east-1`, which is what other servers than AWS expect. */
  readonly region?: string
  /** Without keys, what AWS's own tools would use: environment, profile, role of the machine. */
  readonly accessKeyId?: string
  readonly secretAccessKey?: string
  /** Whether the bucket is made where it is missing. Default: true. */
  readonly create?: boolean
  /** Milliseconds that one operation, with its repetitions, may take; default 30,000. */
  readonly deadline?: number
}

const LONGEST_CONNECT = 3_000

/** A client of the server; throws `configuration-invalid` where the options do not go together. */
export function connect({ endpoint, region, accessKeyId, secretAccessKey }: S3Options): S3Client {
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
    throw new AppError('configuration-invalid', 'An access key and its secret key go together: give both or none.')
  }
  if (endpoint !== undefined && !/^https?:\/\/[^/]/.test(endpoint)) {
    throw new AppError('configuration-invalid', 'The address of the S3 server starts with http:// or https://.')
  }
  return new S3Client({
    region: region ?? 'us-east-1',
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(accessKeyId === undefined || secretAccessKey === undefined
      ? {}
      : { credentials: { accessKeyId, secretAccessKey } }),
    // Newer clients send checksums with every request, which older servers answer with an error.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 3,
    requestHandler: { connectionTimeout: LONGEST_CONNECT },
  })
}
