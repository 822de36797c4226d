/**
 * What a failure means to whoever meets it:
 * - `invalid`: the input is at fault and will be so again; answer with an error, or send the record to the dead topic at once;
 * - `unavailable`: a dependency is out of reach; wait and go on, losing nothing;
 * - `internal`: not understood; try a bounded number of times.
 */
type ErrorKind = 'invalid' | 'unavailable' | 'internal'

/** Every failure that has a name. Drivers translate what their libraries throw into this table. */
export const errorCodes = {
  'invalid-request': { title: 'The request does not match the schema', kind: 'invalid' },
  'payload-too-large': { title: 'The request body is too large', kind: 'invalid' },
  'method-not-allowed': { title: 'The address does not take this method', kind: 'invalid' },
  'media-type-unsupported': { title: 'The request body has a content type that is not taken here', kind: 'invalid' },
  'cross-site-refused': { title: 'Another web site may not change anything here', kind: 'invalid' },
  'not-found': { title: 'There is nothing at this address', kind: 'invalid' },
  unauthenticated: { title: 'The caller is not known', kind: 'invalid' },
  forbidden: { title: 'The caller may not do this', kind: 'invalid' },
  'rate-limited': { title: 'Too many requests', kind: 'unavailable' },
  'pair-not-found': { title: 'No such pair', kind: 'invalid' },
  'image-not-found': { title: 'No such image', kind: 'invalid' },

  'caption-empty': { title: 'The caption is empty', kind: 'invalid' },
  'caption-too-long': { title: 'The caption is too long', kind: 'invalid' },
  'text-not-utf8': { title: 'The text is not valid UTF-8', kind: 'invalid' },
  'image-unreadable': { title: 'The picture cannot be decoded', kind: 'invalid' },
  'image-type-refused': { title: 'The file is not a picture of an accepted type', kind: 'invalid' },
  'image-too-large': { title: 'The picture has too many pixels', kind: 'invalid' },
  'image-too-many-bytes': { title: 'The picture file is too large', kind: 'invalid' },
  'image-timeout': { title: 'Decoding the picture took too long', kind: 'invalid' },
  'split-unknown': { title: 'The split is none of train, validation, fresh, test', kind: 'invalid' },
  'metadata-invalid': { title: 'The metadata are not a flat object of strings', kind: 'invalid' },

  'pair-erased': { title: 'The pair was erased and may not come back', kind: 'invalid' },
  'wrong-id': { title: 'The record has an id that its content does not yield', kind: 'invalid' },
  'wrong-partition': { title: 'The record is in a partition that its image does not yield', kind: 'invalid' },
  'record-unreadable': { title: 'The record cannot be decoded', kind: 'invalid' },
  'blob-missing': { title: 'The blob that the record refers to does not exist', kind: 'invalid' },

  'source-not-found': { title: 'The source does not exist', kind: 'invalid' },
  'source-unrecognised': { title: 'The source has none of the known formats', kind: 'invalid' },
  'source-refused': { title: 'The source refuses access', kind: 'invalid' },
  'source-unavailable': { title: 'The source is unavailable', kind: 'unavailable' },
  'source-entry-unsafe': { title: 'The entry points outside its source', kind: 'invalid' },
  'source-entry-invalid': { title: 'The entry of the source cannot be read', kind: 'invalid' },

  'no-model': { title: 'There is no model yet', kind: 'unavailable' },
  'model-not-found': { title: 'No such model', kind: 'invalid' },
  'model-invalid': { title: 'The folder is not a model', kind: 'invalid' },
  'model-corrupt': { title: 'A file of the model is damaged', kind: 'invalid' },
  'model-unsafe': { title: 'The model is not taken: a file of it is unsafe or too large', kind: 'invalid' },
  'hub-refused': { title: 'The model hub refuses access', kind: 'invalid' },
  'hub-unavailable': { title: 'The model hub is unavailable', kind: 'unavailable' },
  'release-refused': { title: 'The release cannot be made in this state', kind: 'invalid' },
  'invalid-vector': { title: 'The vector cannot be used', kind: 'invalid' },
  'generation-not-found': { title: 'The index has no such generation', kind: 'invalid' },
  'filter-invalid': { title: 'The filter cannot be used', kind: 'invalid' },
  'snapshot-incomplete': { title: 'Something the snapshot names is gone', kind: 'invalid' },
  'training-failed': { title: 'The training failed', kind: 'internal' },

  'publish-unconfirmed': { title: 'The record may or may not have been stored; send it again', kind: 'unavailable' },
  'log-unavailable': { title: 'The event log is unavailable', kind: 'unavailable' },
  'index-unavailable': { title: 'The vector index is unavailable', kind: 'unavailable' },
  'blob-corrupt': { title: 'The stored bytes are not those that were put', kind: 'invalid' },
  'blob-store-unavailable': { title: 'The blob store is unavailable', kind: 'unavailable' },
  'tracking-unavailable': { title: 'The tracking store is unavailable', kind: 'unavailable' },
  'storage-full': { title: 'The disk is full', kind: 'unavailable' },
  'not-ready': { title: 'The service is not ready', kind: 'unavailable' },
  'issuer-unavailable': { title: 'The keys of the token issuer are unavailable', kind: 'unavailable' },
  overloaded: { title: 'The service has as much to do as it takes', kind: 'unavailable' },
  'request-timeout': { title: 'The request took too long', kind: 'unavailable' },

  'key-not-found': { title: 'No such key', kind: 'invalid' },
  'audit-broken': { title: 'The audit log is not what was written', kind: 'invalid' },

  'data-folder-locked': { title: 'Another process works on the data folder', kind: 'invalid' },
  'group-running': { title: 'Members of the consumer group are running', kind: 'invalid' },
  'partition-count-changed': { title: 'The partition count of a topic cannot change', kind: 'invalid' },
  'configuration-invalid': { title: 'A configuration value cannot be used', kind: 'invalid' },
  'port-in-use': { title: 'The port is in use', kind: 'invalid' },
  'unsupported-lowering': { title: 'The traced program has no ONNX form', kind: 'internal' },
  internal: { title: 'Internal error', kind: 'internal' },
} as const satisfies Record<string, { title: string; kind: ErrorKind }>

export type ErrorCode = keyof typeof errorCodes

/** A failure with a code; `detail` says what to do about it and never holds a secret. */
export class AppError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, detail: string, options?: ErrorOptions) {
    super(detail, options)
    this.name = 'AppError'
    this.code = code
  }

  get kind(): ErrorKind {
    return errorCodes[this.code].kind
  }
}

/** The failure as an `AppError`: itself, or `internal` around it. Total, so callers can switch on the code. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error
  const detail = error instanceof Error ? error.message : String(error)
  return new AppError('internal', detail, { cause: error })
}
