import { setTimeout as delay } from 'node:timers/promises'
import { createRandom, type Random } from '../../../src/core/random.ts'
import { openCatalogue } from '../../../src/catalogue/open-catalogue.ts'
import { openDatabase } from '../../../src/sqlite/database.ts'
import { join } from 'node:path'
import { eventually, type ServerAddresses } from '../role-processes.ts'
import { postJson } from './ask.ts'
import { begin, type Scene } from './begin.ts'
import { startLoad } from './load.ts'
import { releaseView, settled } from './settle.ts'
import type { Findings } from '../../fixtures/fault-findings.ts'
import { verify } from './verify.ts'

export type KillRound = {
  readonly kills: number
  readonly seed: number
  readonly servers?: ServerAddresses
  readonly say?: (line: string) => void
}

export type RoundFindings = Findings & {
  readonly killed: Readonly<Record<string, number>>
  /** How often the chain of releases says what. */
  readonly releases: Readonly<Record<string, number>>
  readonly unanswered: number
  readonly unavailable: number
  readonly searches: number
  readonly refused: number
}

/** Long enough for a person to take a release back. */
const PROBATION_SECONDS = 10
const LONGEST_LIFE = 2_500
const LONGEST_ABSENCE = 2_000
/** How often a process comes back on another machine, without its data folder. */
const MOVES = 0.25

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

/** Kills processes of an installation under load, one after another, and looks from outside at what is left when all has settled. */
export async function runKillRound({ kills, seed, servers, say = () => undefined }: KillRound): Promise<RoundFindings> {
  const scene = await begin({
    seed,
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
  const load = startLoad({ ...scene, random: createRandom(random.uint32()), workers: 3, mostPairs: 500 })
  const killed: Record<string, number> = {}
  const returning: Promise<void>[] = []
  const upheavals = startUpheavals(scene, say)

  for (const [kill, name] of victimsOf(crew.names, kills, random).entries()) {
    upheavals.at(kill / kills)
    await delay(300 + random.below(LONGEST_LIFE))
    // Whoever is still away cannot die again.
    await Promise.all(returning)
    await crew.kill(name)
    killed[name] = (killed[name] ?? 0) + 1
    const withoutData = random.float() < MOVES
    const absence = random.below(LONGEST_ABSENCE)
    returning.push(delay(absence).then(() => crew.start(name, { withoutData })))
    say(
      `kill ${kill + 1} of ${kills}: ${name}${withoutData ? ', back without its data' : ''}; ${ledger.pairs.size} pairs`,
    )
  }
  await Promise.all(returning)
  await crew.started()
  await load.stop()
  await upheavals.ended()
  const outside = await scene.outside()
  await settled(address, ledger, outside)
  const findings = await verify(outside, address, ledger)
  const others = await differingCatalogues(scene)
  const { unanswered, unavailable, searches, refused } = ledger
  const inconsistent = [...findings.inconsistent, ...others]
  const releases: Record<string, number> = {}
  for (const { state } of outside.catalogue.releases()) releases[state] = (releases[state] ?? 0) + 1
  return { ...findings, inconsistent, killed, releases, unanswered, unavailable, searches, refused }
}

/** What happens to the release in the course of a round, so that deaths meet builds, switches, trainings and retirements. */
function startUpheavals({ installation, address }: Scene, say: (line: string) => void) {
  const reindex = () => installation.run('reindex', '--no-wait', '--json')
  const retrain = () =>
    eventually(
      () => postJson(`${address}/v1/retraining`, {}),
      (answer) => answer?.status === 202,
    )
  /** Only while the release before is kept there is one to go back to. */
  const revert = async (): Promise<void> => {
    const isPossible = async () => {
      const { previous, build } = await releaseView(address)
      return previous !== null && build === null
    }
    await eventually(isPossible, (possible) => possible, 30_000)
    await installation.run('models', 'revert', '--json')
  }
  const plan: readonly { readonly after: number; readonly name: string; readonly act: () => Promise<unknown> }[] = [
    { after: 0.1, name: 'retraining', act: retrain },
    { after: 0.35, name: 'reindex', act: reindex },
    { after: 0.45, name: 'revert', act: revert },
    { after: 0.8, name: 'reindex', act: reindex },
  ]
  const running: Promise<unknown>[] = []
  let begun = 0
  return {
    at(share: number): void {
      for (let next = plan[begun]; next !== undefined && next.after <= share; next = plan[begun]) {
        begun++
        say(next.name)
        running.push(next.act().catch(() => say(`${next.name}: its moment did not come`)))
      }
    },
    ended: () => Promise.all(running),
  }
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
