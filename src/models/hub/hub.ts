import { AppError } from '../../core/errors.ts'
import { readListing, type ModelListing } from './model-listing.ts'
import type { ModelName } from './model-name.ts'
import { persistently, type Persistence } from './patience.ts'
import { request, type Answer, type HubAddress } from './request.ts'

/** A model hub with the interface of Hugging Face's. */
export type Hub = {
  /** What a revision of a model consists of. Throws `model-not-found`, `hub-refused`, `hub-unavailable` or `model-unsafe`. */
  list(name: ModelName): Promise<ModelListing>
  /** Begins to fetch a file of one commit, in one attempt. Throws `HubAway` where another may help, else as `list`. */
  open(listing: ModelListing, path: string, headers: Readonly<Record<string, string>>): Promise<Answer>
  readonly persistence: Persistence
}

/** Listings of the largest repositories take some megabytes. */
const MOST_LISTING_BYTES = 16 * 1024 * 1024

export function createHub(hub: HubAddress, persistence: Persistence): Hub {
  const { patience, signal } = persistence
  const encoded = (path: string): string => path.split('/').map(encodeURIComponent).join('/')

  return {
    persistence,
    list(name) {
      const { repository, revision } = name
      const address = new URL(`api/models/${repository}/revision/${encodeURIComponent(revision)}?blobs=true`, hub.base)
      const what = `model ${repository} at ${revision}`
      return persistently(async () => {
        const answer = await request(address, { hub, what, silence: patience.silence, signal })
        return readListing(name, await readJson(answer))
      }, persistence)
    },
    open({ repository, commit }, path, headers) {
      const address = new URL(`${repository}/resolve/${commit}/${encoded(path)}`, hub.base)
      return request(address, { hub, headers, what: `${path} of ${repository}`, silence: patience.silence, signal })
    },
  }
}

async function readJson({ pieces }: Answer): Promise<unknown> {
  const read: Uint8Array[] = []
  let bytes = 0
  for await (const piece of pieces) {
    read.push(piece)
    bytes += piece.length
    if (bytes > MOST_LISTING_BYTES)
      throw new AppError('hub-refused', 'The answer of the hub has no end; check HUB_URL.')
  }
  try {
    return JSON.parse(Buffer.concat(read).toString('utf8'))
  } catch (cause) {
    throw new AppError('hub-refused', 'The hub does not answer with JSON; check HUB_URL.', { cause })
  }
}
