import { setTimeout as delay } from 'node:timers/promises'
import { createRandom, type Random } from '../../../src/core/random.ts'
import { openCatalogue } from '../../../src/catalogue/open-catalogue.ts'
import { openDatabase } from '../../../src/sqlite/database.ts'
import { join } from 'node:path'
import { eventually, type ServerAddresses } from '../role-processes.ts'
import { createAbsences } from './absences.ts'
import { begin, type Scene } from './begin.ts'
import { startLoad } from './load.ts'
import { momentsOf, type Moment } from './moments.ts'
import { deadFeatures } from './remains.ts'
import { releaseView, settled } from './settle.ts'
import type { SearchedFindings } from '../../fixtures/fault-findings.ts'
import { missedIn } from './thresholds.ts'
import { startUpheavals, type Upheaval } from './upheavals.ts'
import { verify } from './verify.ts'

export type KillRound = {
  readonly kills: number
  readonly seed: number
  readonly servers?: ServerAddresses
  readonly say?: (line: string) => void
}

type Counts = Readonly<Record<string, number>>

export type RoundFindings = SearchedFindings & {
  /** Kills by who died, and by what it was at. */
  readonly killed: Counts
  readonly moments: Counts
  /** Kills of whom records waited for, by who died. */
  readonly behind: Counts
  readonly longAbsences: number
  readonly overlapping: number
  readonly takeovers: number
  /** How often the chain of releases says what. */
  readonly releases: Counts
  /** How retrainings have ended. */
  readonly models: Counts
  readonly unanswered: number
  readonly unavailable: number
  readonly searches: number
  readonly refused: number
  /** What was to happen in the round and did not: it then shows less than it should. */
  readonly missed: readonly string[]
}

/** Long enough for a person to take a release back. */
const PROBATION_SECONDS = 10
const LONGEST_LIFE = 2_500
const LONGEST_ABSENCE = 2_000
/** Longer than the session of a consumer. */
const LONG_ABSENCE = 7_000
/** Every so many kills somebody stays away for long. */
const KILLS_TO_LONG_ABSENCE = 5
/** How often a process comes back on another machine, without its data folder. */
const MOVES = 0.25

type Wish = { readonly moment: Moment; readonly upheaval?: Upheaval }

/** What each is killed at once in a round at least, and what brings it to that where it seldom is. */
const wishes: Readonly<Record<string, readonly Wish[]>> = {
  api: [{ moment: 'asked' }],
  'embed-a': [{ moment: 'behind' }],
  'embed-b': [{ moment: 'behind' }],
  count: [{ moment: 'behind' }],
  erase: [{ moment: 'behind' }],
  train: [{ moment: 'training', upheaval: 'retraining' }],
  release: [
    { moment: 'building', upheaval: 'reindex' },
    { moment: 'behind', upheaval: 'retraining' },
  ],
}
/** How long that is waited for, in milliseconds. */
const PATIENCE = 30_000

/** Every one about as often, in an order that follows from the random stream. */
function victimsOf(names: readonly string[], kills: number, random: Random): string[] {
  const victims = Array.from({ length: kills }, (_, kill) => names[kill % names.length] ?? '')
  for (let at = victims.length - 1; at > 0; at--) {
    const other = random.below(at + 1)
    const held = victims[at] ?? ''
    victims[at] = victims[other] ?? ''
    victims[other] = held
  }
  return victims
}

/** So many that a first model is well above guessing whatever the seed: one that is not would be rejected, and nothing would begin. */
const SCENES = 320
/** Well above what the scenes bring, or nothing would be published. */
const MOST_PAIRS = 850

/** Kills processes of an installation under load, one after another, and looks from outside at what is left when all has settled. */
export async function runKillRound({ kills, seed, servers, say = () => undefined }: KillRound): Promise<RoundFindings> {
  const scene = await begin({
    seed,
    scenes: SCENES,
    settings: { PROBATION_SECONDS: String(PROBATION_SECONDS) },
    ...(servers === undefined ? {} : { servers }),
  })
  try {
    return await killAndLook(scene, createRandom(seed), kills, say)
  } finally {
    await scene.end()
  }
}

async function killAndLook(
  scene: Scene,
  random: Random,
  kills: number,
  say: (line: string) => void,
): Promise<RoundFindings> {
  const { crew, ledger, address } = scene
  const outside = await scene.outside()
  const load = startLoad({ ...scene, random: createRandom(random.uint32()), workers: 3, mostPairs: MOST_PAIRS })
  const deaths: { readonly name: string; readonly moments: readonly Moment[] }[] = []
  const upheavals = startUpheavals(scene, say)
  const absences = createAbsences(scene)
  const wished = new Map(Object.entries(wishes).map(([name, all]) => [name, [...all]]))

  for (const [at, name] of victimsOf(crew.names, kills, random).entries()) {
    if (at === Math.floor(kills / 2)) upheavals.begin('revert')
    const wish = wished.get(name)?.[0]
    if (wish?.upheaval !== undefined) upheavals.begin(wish.upheaval)
    await delay(300 + random.below(wish === undefined ? LONGEST_LIFE : 300))
    const kill = await absences.victim(name)
    const moments = await (wish === undefined ? momentsOf(scene, name) : momentOf(scene, name, wish, say))
    const isLong = at % KILLS_TO_LONG_ABSENCE === 2 && name !== 'api'
    const withoutData = random.float() < MOVES
    const away = absences.away()
    await kill({ absence: random.below(LONGEST_ABSENCE) + (isLong ? LONG_ABSENCE : 0), withoutData })
    deaths.push({ name, moments })
    if (wish !== undefined && moments.includes(wish.moment)) wished.get(name)?.shift()
    const others = away.length > 0 ? `, while ${away.join(' and ')} was away` : ''
    const back = withoutData ? ', back without its data' : ''
    say(`kill ${at + 1} of ${kills}: ${name}, ${moments.join(' and ')}${others}${back}; ${ledger.pairs.size} pairs`)
  }
  await absences.over()
  await crew.started()
  await load.stop()
  const failed = await upheavals.ended()
  await settled(address, ledger, outside)
  const findings = await verify(outside, address, ledger)
  const others = await differingCatalogues(scene)
  // Also what they wrote as they ended.
  const resurrected = [...new Set([...findings.resurrected, ...(await deadFeatures(outside))])]
  const { unanswered, unavailable, searches, refused } = ledger
  const seen = {
    ...findings,
    resurrected,
    inconsistent: [...findings.inconsistent, ...others],
    killed: countsOf(deaths.map(({ name }) => name)),
    moments: countsOf(deaths.flatMap(({ moments }) => moments)),
    behind: countsOf(deaths.flatMap(({ name, moments }) => (moments.includes('behind') ? [name] : []))),
    ...absences.counts,
    releases: countsOf(outside.catalogue.releases().map(({ state }) => state)),
    models: countsOf(outside.catalogue.models().map(({ outcome }) => outcome)),
    ...{ unanswered, unavailable, searches, refused },
  }
  return { ...seen, missed: [...failed, ...missedIn(seen, crew.names, kills)] }
}

/** What it is at once it is at what is wished for, or after too long a wait. */
async function momentOf(
  scene: Scene,
  name: string,
  { moment }: Wish,
  say: (line: string) => void,
): Promise<readonly Moment[]> {
  await scene.crew.process(name).started
  const ask = () => momentsOf(scene, name)
  return eventually(ask, (moments) => moments.includes(moment), PATIENCE).catch(() => {
    say(`${name}: ${moment} did not come`)
    return ask()
  })
}

function countsOf(names: readonly string[]): Counts {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** Every process must have come to the same releases by itself. */
async function differingCatalogues({ crew, address, outside }: Scene): Promise<string[]> {
  const { blobs } = await outside()
  const { serving, head } = await releaseView(address)
  const differing: string[] = []
  for (const name of crew.names) {
    const { status, milliseconds } = await crew.process(name).stop()
    if (status !== 0 || milliseconds > 10_000) differing.push(`${name} stopped with ${status} in ${milliseconds} ms`)
    const database = openDatabase(join(crew.folder(name), 'catalogue.db'), { readonly: true })
    const catalogue = openCatalogue({ database, blobs, readonly: true })
    const newest = catalogue.releases().at(-1)?.releaseId
    if (newest !== head || catalogue.currentRelease()?.generation !== serving?.generation)
      differing.push(`${name} knows other releases`)
    catalogue.close()
  }
  return differing
}
