/** `npm run test:crash -- --kills 1000 --seed 1`: kills the platform that often, and counts what is lost, doubled or back. */
import { rm } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { isClean, tally } from '../fixtures/fault-findings.ts'
import { crashFolder } from './crash-folder.ts'
import { startCrashRun } from './crash-run.ts'
import { verify } from './verify.ts'

/** Between two verifications; each takes a life that settles. */
const VERIFY_EVERY = 100

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '1000' }, seed: { type: 'string', default: '1' } },
})
const kills = Number(values.kills)
const seed = Number(values.seed)
if (!Number.isInteger(kills) || kills < 1 || !Number.isInteger(seed) || seed < 0) {
  console.error('--kills takes a whole number above 0, --seed one from 0 on.')
  process.exit(2)
}

const folder = await crashFolder()
const crashes = await startCrashRun(folder, seed)
const started = performance.now()
for (let kill = 1; kill <= kills; kill++) {
  await crashes.kill()
  if (kill % 10 === 0) {
    const seconds = ((performance.now() - started) / 1_000).toFixed(0)
    console.log(`${kill} of ${kills} kills in ${seconds} s; ${crashes.known.size} pairs acknowledged in all`)
  }
  if (kill % VERIFY_EVERY !== 0 && kill !== kills) continue
  await crashes.settle()
  const findings = await verify(folder, crashes.known)
  console.log(`after ${kill} kills: ${tally(findings)}`)
  if (isClean(findings)) continue
  console.error(JSON.stringify(findings, null, 2))
  console.error(`The data are kept in ${folder}.`)
  process.exit(1)
}
await rm(folder, { recursive: true, force: true })
