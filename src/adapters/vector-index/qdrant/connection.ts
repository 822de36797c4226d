import { setTimeout as delay } from 'node:timers/promises'
import { QdrantClient } from '@qdrant/js-client-rest'
import { withDeadline } from '../../../core/deadline.ts'
import { AppError } from '../../../core/errors.ts'
import { overloadOf, tooSlow, translated } from './failures.ts'

const ATTEMPTS = 6
const FIRST_PAUSE = 100
/** What the client library and every program of Qdrant's own take where an address names no port. */
const CUSTOMARY_PORT = 6333

export type QdrantAddress = {
  /** `http://host:6333`; a path is taken as that of a reverse proxy. */
  readonly url: string
  readonly apiKey?: string
}

/** Requests to one Qdrant. Whatever goes wrong is an `AppError` of the closed table. */
export interface QdrantConnection {
  /** One attempt. `generation` is what an error about a missing collection names. */
  read<T>(request: (client: QdrantClient) => Promise<T>, generation?: string): Promise<T>
  /** As `read`, for what may safely be repeated: tried again, within the deadline, while the server says that it has too much to do. */
  write<T>(request: (client: QdrantClient) => Promise<T>, generation?: string): Promise<T>
  /** Every later request fails with `index-unavailable`. */
  close(): void
}

/** Throws `configuration-invalid`; its text never holds the address's user part or the key. */
export function createQdrantClient({ url, apiKey }: QdrantAddress, deadline: number): QdrantClient {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed === null || !['http:', 'https:'].includes(parsed.protocol)) {
    throw new AppError('configuration-invalid', 'The address of Qdrant must be a URL such as http://qdrant:6333.')
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new AppError(
      'configuration-invalid',
      'The address of Qdrant must hold no user and password; Qdrant takes an API key.',
    )
  }
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey)) {
    throw new AppError('configuration-invalid', 'The API key of Qdrant must be printable ASCII without spaces.')
  }
  // `URL` drops a port that is its protocol's own, so one that was written out is looked for in the text.
  const ownPort = /^https?:\/\/[^/]*:(80|443)(?:\/|$)/.exec(url)?.[1]
  const path = parsed.pathname.replace(/\/+$/, '')
  return new QdrantClient({
    host: parsed.hostname,
    https: parsed.protocol === 'https:',
    port: Number(parsed.port === '' ? (ownPort ?? CUSTOMARY_PORT) : parsed.port),
    ...(path === '' ? {} : { prefix: path }),
    timeout: deadline,
    checkCompatibility: false, // it prints; `checkQdrant` says more
    // Compressed answers stall for some 44 ms under Node's fetch. The key goes here because the library prints a warning otherwise.
    headers: { 'accept-encoding': 'identity', ...(apiKey === undefined ? {} : { 'api-key': apiKey }) },
  })
}

export function connectQdrant(address: QdrantAddress, deadline: number): QdrantConnection {
  const client = createQdrantClient(address, deadline)
  let isClosed = false

  const attempt = <T>(request: (client: QdrantClient) => Promise<T>): Promise<T> => {
    if (isClosed) throw new AppError('index-unavailable', 'The index is closed.')
    return request(client)
  }

  const untilTaken = async <T>(request: (client: QdrantClient) => Promise<T>, generation?: string): Promise<T> => {
    const end = performance.now() + deadline
    for (let tried = 1; ; tried++) {
      try {
        return await attempt(request)
      } catch (error) {
        const overload = overloadOf(error)
        const pause = Math.max(FIRST_PAUSE * 2 ** (tried - 1) * (0.5 + Math.random()), overload?.wait ?? 0)
        if (overload === null || tried === ATTEMPTS || performance.now() + pause > end)
          throw translated(error, generation)
        await delay(pause)
      }
    }
  }

  return {
    async read(request, generation) {
      try {
        return await attempt(request)
      } catch (error) {
        throw translated(error, generation)
      }
    },
    write: (request, generation) => withDeadline(untilTaken(request, generation), deadline, () => tooSlow()),
    close() {
      isClosed = true
    },
  }
}
