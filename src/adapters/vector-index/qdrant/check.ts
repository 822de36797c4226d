import type { QdrantClient } from '@qdrant/js-client-rest'
import { AppError } from '../../../core/errors.ts'
import { createQdrantClient, type QdrantAddress } from './connection.ts'
import { reasonOf, statusOf, translated } from './failures.ts'

const OLDEST = { major: 1, minor: 16 }
const DEADLINE = 5_000

function versionFinding(version: string): readonly string[] {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  const isEnough = major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor)
  return isEnough
    ? []
    : [`Qdrant is version ${version}; upgrade it to ${OLDEST.major}.${OLDEST.minor} or newer, best to 1.19 or newer.`]
}

/** Null where `request` succeeds; else whether access is what failed, and the sentence. */
async function refusalOf(
  request: Promise<unknown>,
): Promise<{ readonly access: boolean; readonly said: string } | null> {
  try {
    await request
    return null
  } catch (error) {
    const status = statusOf(error)
    return { access: status === 401 || status === 403, said: reasonOf(error) ?? translated(error).message }
  }
}

async function accessFindings(client: QdrantClient, hasKey: boolean): Promise<readonly string[]> {
  const reading = await refusalOf(client.getCollections())
  if (reading !== null) {
    if (!reading.access) return [`Qdrant does not list its collections: ${reading.said}`]
    return hasKey
      ? ['Qdrant refuses the API key; set the one that its service.api_key names.']
      : ['Qdrant wants an API key; set the one that its service.api_key names.']
  }
  // A change of nothing, which needs the same right as creating collections and switching the alias.
  const managing = await refusalOf(client.updateCollectionAliases({ actions: [] }))
  if (managing === null) return []
  return managing.access
    ? ['The API key may only read; give one that may manage collections, such as the one that service.api_key names.']
    : [`Qdrant refuses to change aliases: ${managing.said}`]
}

/** What is wrong with the Qdrant at an address: a sentence a finding, each saying how to put it right. None: it can be used. */
export async function checkQdrant(address: QdrantAddress): Promise<readonly string[]> {
  try {
    const client = createQdrantClient(address, DEADLINE)
    const { version } = await client.versionInfo()
    if (typeof version !== 'string')
      return ['What answers at the address of Qdrant is not Qdrant; correct the address.']
    return [...versionFinding(version), ...(await accessFindings(client, address.apiKey !== undefined))]
  } catch (error) {
    if (error instanceof AppError) return [error.message]
    return [`${translated(error).message} Start Qdrant, or correct the address ${new URL(address.url).origin}.`]
  }
}
