import type { z } from 'zod'
import { AppError } from '../../../core/errors.ts'
import { failureOf, readShape, refusalOf } from './answers.ts'

export type MlflowOptions = {
  readonly url: string
  /** Sent as a bearer token; goes before a user name. */
  readonly token?: string
  readonly username?: string
  readonly password?: string
  /** Name of the registered model, and first part of the experiments' names; default `pairstream`. */
  readonly name?: string
  /** Milliseconds that one request may take; default 10,000. */
  readonly deadline?: number
}

/** Codes of MLflow's errors that are no failure to whoever names them. */
export type Tolerated = 'RESOURCE_DOES_NOT_EXIST' | 'RESOURCE_ALREADY_EXISTS'

type Question = {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly query?: Readonly<Record<string, string>>
  readonly body?: object
  readonly tolerated?: Tolerated
}

function addressOf(url: string): URL {
  const address = URL.canParse(url) ? new URL(url) : null
  if (address !== null && /^https?:$/.test(address.protocol) && address.username === '') return address
  const detail =
    'The address of MLflow starts with http:// or https:// and has no user in it; give user and password apart.'
  throw new AppError('configuration-invalid', detail)
}

function authorisationOf({ token, username, password }: MlflowOptions): Record<string, string> {
  if (token !== undefined) return { authorization: `Bearer ${token}` }
  if (username === undefined) return {}
  return { authorization: `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}` }
}

function bodyOf(body: object | undefined): RequestInit {
  if (body === undefined) return {}
  if (body instanceof Uint8Array)
    return { body: Buffer.from(body), headers: { 'content-type': 'application/octet-stream' } }
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
}

function unreachable(error: unknown): never {
  const isLate = error instanceof Error && error.name === 'TimeoutError'
  const detail = isLate
    ? 'MLflow did not answer in time; see whether it is overloaded.'
    : 'MLflow is out of reach; start it, or correct its address.'
  throw new AppError('tracking-unavailable', detail, { cause: error })
}

/**
 * Requests to an MLflow server. What cannot be reached, cannot answer now, refuses who asks or is not MLflow is `tracking-unavailable`:
 * whoever asks waits, and nothing is lost by it. Throws `configuration-invalid` for an address that is none.
 */
export function connectMlflow(options: MlflowOptions) {
  const root = addressOf(options.url)
  const authorisation = authorisationOf(options)
  const { deadline = 10_000 } = options

  /** The bytes of a successful answer; null for a tolerated error. */
  const ask = async (path: string, { method = 'GET', query = {}, body, tolerated }: Question) => {
    const address = new URL(root)
    address.pathname = `${root.pathname.replace(/\/$/, '')}/${path}`
    address.search = new URLSearchParams(query).toString()
    const { headers = {}, ...content } = bodyOf(body)
    const signal = AbortSignal.timeout(deadline)
    const init = { method, signal, ...content, headers: { ...authorisation, ...(headers as Record<string, string>) } }
    const answer = await fetch(address, init).catch(unreachable)
    const bytes = new Uint8Array(await answer.arrayBuffer().catch(unreachable))
    if (answer.ok) return bytes
    if (tolerated !== undefined && refusalOf(bytes)?.error_code === tolerated) return null
    throw failureOf(answer.status, bytes)
  }

  const call = async <T>(path: string, shape: z.ZodType<T>, question: Question = {}): Promise<T | null> => {
    const bytes = await ask(`api/2.0/${path}`, question)
    return bytes === null ? null : readShape(bytes, shape)
  }

  return {
    /** What MLflow answers, in the given shape; null where it answers with the error that the question tolerates. */
    call,
    /** As `call`, where no error is tolerated. */
    async must<T>(path: string, shape: z.ZodType<T>, question: Omit<Question, 'tolerated'> = {}): Promise<T> {
      // Only a tolerated error gives null.
      return (await call(path, shape, question)) as T
    },
    /** Bytes as they are; null where there is nothing. */
    getBytes: (path: string): Promise<Uint8Array | null> =>
      ask(`api/2.0/${path}`, { tolerated: 'RESOURCE_DOES_NOT_EXIST' }),
    async putBytes(path: string, bytes: Uint8Array): Promise<void> {
      await ask(`api/2.0/${path}`, { method: 'PUT', body: bytes })
    },
    /** Another page of the server, as text. */
    text: async (path: string): Promise<string> => new TextDecoder().decode((await ask(path, {})) ?? undefined),
  }
}

export type Mlflow = ReturnType<typeof connectMlflow>
