/**
 * `npm run test:faults -- --kills 200 --seed 1 --state DIR`: kills roles over real servers that often, and counts what is lost, doubled or
 * back. It goes in rounds, each an installation of its own whose course follows from the seed and the round's number. The state folder keeps
 * every round, also one that failed: once something was lost in one of them, the run has failed, however often it is resumed. It is of one
 * build of the program, so that rounds of another are never counted for it.
 */
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { isPassed, killsLeft, openAttempts, summary, told, type Attempt, type Attempts } from './faults/attempts.ts'
import { buildDigest } from './faults/build-digest.ts'
import { runKillRound } from './faults/kill-round.ts'
import { KILLS_A_ROUND } from './faults/thresholds.ts'
import { isClean } from '../fixtures/fault-findings.ts'
import type { ServerAddresses } from './role-processes.ts'
import startServers from './start-servers.ts'

/** Between the seeds of two runs: more than any has rounds. */
const SEEDS_A_RUN = 10_000

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    state: { type: 'string' },
  },
})
const kills = Number(values.kills)
const seed = Number(values.seed)
const fail = (what: string): never => {
  console.error(what)
  process.exit(2)
}
if (!Number.isInteger(kills) || kills < 1 || !Number.isInteger(seed) || seed < 0)
  fail('--kills takes a whole number above 0, --seed one from 0 on.')

async function attempt({ all, begin }: Attempts, servers: ServerAddresses): Promise<Attempt> {
  const inRound = Math.min(killsLeft(all, kills), KILLS_A_ROUND)
  const round = { kills: inRound, seed: seed * SEEDS_A_RUN + all.length, servers, say: console.log }
  const end = await begin(inRound)
  const begunAt = performance.now()
  const seconds = (): number => Math.round((performance.now() - begunAt) / 1_000)
  const outcome = await runKillRound(round).then(
    (findings) => ({ findings, error: null }),
    (error: unknown) => ({ findings: null, error: error instanceof Error ? (error.stack ?? '') : String(error) }),
  )
  const ended = { ...outcome, seconds: seconds() }
  await end(ended)
  return { kills: inRound, ...ended }
}

/** Round after round, until one is not as it should be or no kills are left. */
async function goOn(): Promise<void> {
  const provided: ServerAddresses[] = []
  const stopServers = await startServers({
    provide: (_, addresses) => void provided.push(addresses),
  })
  const [servers] = provided
  try {
    while (servers !== undefined && killsLeft(attempts.all, kills) > 0) {
      const ended = await attempt(attempts, servers)
      console.log(`round ${attempts.all.length}, ${told(ended)}`)
      const { findings } = ended
      if (findings !== null && isClean(findings) && findings.missed.length === 0) continue
      if (findings !== null) {
        const { lost, duplicated, resurrected, inconsistent, missed } = findings
        console.error(JSON.stringify({ lost, duplicated, resurrected, inconsistent, missed }, null, 2))
      }
      break
    }
  } finally {
    await stopServers()
  }
}

const folder = values.state ?? join(tmpdir(), `pairstream-faults-${seed}`)
const build = await buildDigest(resolve(import.meta.dirname, '../../dist'))
const attempts = await openAttempts(folder, { seed, build }).catch((error: unknown) => fail(String(error)))
if (killsLeft(attempts.all, kills) > 0) await goOn()
else console.log(`complete before, nothing was run: ${folder} has all kills; for others name another folder or seed.`)
for (const [number, each] of attempts.all.entries()) console.log(`round ${number + 1}, ${told(each)}`)
for (const line of summary(attempts.all)) console.log(line)
process.exit(isPassed(attempts.all, kills) ? 0 : 1)
