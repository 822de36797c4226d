import { z } from 'zod'
import { AppError } from '../core/errors.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import type { EventLog, Offsets } from '../ports/event-log.ts'

/** Where the store says which log it belongs to, and how far that log was known to reach. */
export const OWNER_KEY = 'log-owner.json'

const ownerSchema = z.object({ log: z.string(), pairs: z.array(z.tuple([z.number(), z.number()])) })
type Owner = z.infer<typeof ownerSchema>

type OwnerDependencies = { readonly log: EventLog; readonly blobs: BlobStore }

async function storedOwner(blobs: BlobStore): Promise<Owner | null> {
  const bytes = await blobs.get(OWNER_KEY)
  if (bytes === null) return null
  try {
    return ownerSchema.parse(JSON.parse(new TextDecoder().decode(bytes)))
  } catch (cause) {
    throw new AppError('configuration-invalid', `${OWNER_KEY} in the blob store is not one of ours; look at it.`, {
      cause,
    })
  }
}

function objection({ log, pairs }: Owner, identity: string, ends: Offsets): string | null {
  if (log !== identity) return 'The blob store belongs to another log, whose pictures this one would delete.'
  const isShorter = pairs.some(([partition, end]) => (ends.get(partition) ?? 0) < end)
  return isShorter ? 'The log has lost records whose pictures the blob store still holds; they would be deleted.' : null
}

export const RIGHT_STORE = `Name the store of this log; if this log is to go on with this store, delete ${OWNER_KEY} from it, and start again.`

/** What keeps this log from deleting what it does not know in this store; null where nothing does. */
export async function ownerObjection({ log, blobs }: OwnerDependencies): Promise<string | null> {
  const owner = await storedOwner(blobs)
  return owner === null ? null : objection(owner, await log.identity(), await log.endOffsets('pairs'))
}

/**
 * Makes sure that the store is this log's: a sweep takes whatever its log does not know for dead, and in an empty log, or another one's
 * store, that is everything. The first to ask owns it. Throws `configuration-invalid` for the store of another log, or of a longer one.
 */
export async function claimStore({ log, blobs }: OwnerDependencies): Promise<void> {
  const owner = await storedOwner(blobs)
  const identity = await log.identity()
  const ends = await log.endOffsets('pairs')
  const reason = owner === null ? null : objection(owner, identity, ends)
  if (reason !== null) throw new AppError('configuration-invalid', `${reason} ${RIGHT_STORE}`)
  const text = JSON.stringify({ log: identity, pairs: [...ends] } satisfies Owner)
  if (JSON.stringify(owner) !== text) await blobs.put(OWNER_KEY, new TextEncoder().encode(text))
}
