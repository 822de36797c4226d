import { AppError } from '../core/errors.ts'

/** The bytes of base64 text, with or without a `data:` prefix. Throws `invalid-request`. */
export function decodeBase64(field: string, text: string): Uint8Array {
  const base64 = text.slice(text.startsWith('data:') ? text.indexOf(',') + 1 : 0).replaceAll(/\s/g, '')
  const bytes = Buffer.from(base64, 'base64')
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0
  // Buffer.from skips what is no base64, so the length tells whether anything was skipped.
  const expected = Math.floor(((base64.length - padding) * 3) / 4)
  if (bytes.length === 0 || bytes.length !== expected) {
    throw new AppError('invalid-request', `${field}: this is not the base64 form of a file.`)
  }
  return bytes
}

/** The bytes of an uploaded file. Throws `invalid-request` when it is empty. */
export async function fileBytes(field: string, file: File): Promise<Uint8Array> {
  const bytes = new Uint8Array(await file.arrayBuffer())
  if (bytes.length === 0) throw new AppError('invalid-request', `${field}: the file is empty.`)
  return bytes
}

/** The JSON in a form field. Throws `invalid-request`. */
export function parseJsonField(field: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new AppError('invalid-request', `${field}: this is not JSON.`, { cause: error })
  }
}
