import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Platform } from '../../../src/bootstrap.ts'
import { createInstallation, type Environment, type Installation, type ServerAddresses } from '../role-processes.ts'
import { ask } from './ask.ts'
import { createClient, type Client } from './client.ts'
import { createCrew, type Crew, type Member } from './crew.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { openOutside } from './outside.ts'
import { served } from './settle.ts'
import { createSupply, type Supplied } from './supply.ts'

/** An installation at work: a process a role, a first model that serves, and what is known of its pairs. */
export type Scene = {
  readonly installation: Installation
  readonly crew: Crew
  /** Of the API. */
  readonly address: string
  readonly ledger: Ledger
  readonly client: Client
  /** Pictures that nobody has published yet. */
  readonly supply: () => Promise<Supplied>
  /** The servers and the log, as somebody else sees them. */
  outside(): Promise<Platform>
  end(): Promise<void>
}

/** Two that embed and one of every other role, each in a process of its own. */
export const fullCrew: readonly Member[] = [
  { name: 'api', roles: ['api'] },
  { name: 'embed-a', roles: ['embed'] },
  { name: 'embed-b', roles: ['embed'] },
  { name: 'count', roles: ['count'] },
  { name: 'train', roles: ['train'] },
  { name: 'release', roles: ['release'] },
  { name: 'erase', roles: ['erase'] },
]

/** Short times, so that every turn of a release and of an erasure fits in a test; the smallest training that yields a model. */
const quick: Environment = {
  TRAINING_EPOCHS: '8',
  RETRAIN_THRESHOLD: '5',
  PROBATION_SECONDS: '1',
  RETIREMENT_SECONDS: '2',
  SWEEP_SECONDS: '2',
  // Longer than a publication can take between its blob and its record.
  BLOB_GRACE_SECONDS: '12',
  EMBED_BATCH: '16',
  THREADS: '1',
}

const FIRST_SCENES = 160
/** Of a scene, as a mean, that are published before the first training and are no validation pairs; the rest comes while it trains. */
const FIRST_PAIRS = 1.2

export type BeginOptions = {
  readonly crew?: readonly Member[]
  readonly settings?: Environment
  readonly servers?: ServerAddresses
  readonly seed?: number
  /** Scenes that the first model is made of. */
  readonly scenes?: number
}

/** Starts everything, publishes what the first model is trained on, and waits until it serves. */
export async function begin({
  crew: members = fullCrew,
  settings,
  servers,
  seed = 1,
  scenes = FIRST_SCENES,
}: BeginOptions): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'pairstream-faults-'))
  const installation = await createInstallation(
    { ...quick, FIRST_TRAINING_PAIRS: String(Math.round(FIRST_PAIRS * scenes)), ...settings },
    servers,
  )
  const crew = await createCrew(installation, folder, members)
  const ledger = createLedger()
  const address = crew.address('api')
  const client = createClient(address, ledger)
  let platform: Promise<Platform> | null = null
  const end = async (): Promise<void> => {
    await (await platform)?.close()
    await installation.stop()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    // One first: it makes the topics, and the others find them.
    for (const name of crew.names) {
      await crew.start(name)
      if (name === 'api') await crew.started()
    }
    const first = createSupply({ seed, count: scenes, part: 'first' })
    const pictures = await Promise.all(Array.from({ length: Math.round(scenes * 0.65) }, first))
    const publishing = pictures.values()
    const publishAll = async (): Promise<void> => {
      for (const picture of publishing) await client.publish(picture)
    }
    await Promise.all([publishAll(), publishAll(), publishAll(), publishAll()])
    await crew.started()
    await served(address)
  } catch (error) {
    const said = crew.names.map((name) => `${name}: ${crew.said(name).slice(-2_000)}`)
    const told = await Promise.all(['status', 'models', 'releases'].map((what) => ask(`${address}/v1/${what}`)))
    await end()
    const state = JSON.stringify(told.map((answer) => answer?.body))
    throw new Error(`It did not begin: ${state}; the processes said:\n${said.join('\n')}`, { cause: error })
  }
  const outside = (): Promise<Platform> => (platform ??= openOutside(installation.environment, folder))
  return {
    installation,
    crew,
    address,
    ledger,
    client,
    supply: createSupply({ seed: seed + 1_000_000, count: 20_000, part: 'stream' }),
    outside,
    end,
  }
}
