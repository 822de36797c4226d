import type { Platform } from '../../../src/bootstrap.ts'
import type { ReleaseRecord } from '../../../src/core/events.ts'
import { imageBlobKey } from '../../../src/core/pair-record.ts'
import { viewReleases, type ReleaseView } from '../../../src/core/release-chain.ts'
import { eventually } from '../role-processes.ts'
import { ask } from './ask.ts'
import { pairsIn, type Ledger } from './ledger.ts'
import { deadFeatures } from './remains.ts'

export async function releasesOf(address: string): Promise<ReleaseRecord[]> {
  const answer = await ask(`${address}/v1/releases`)
  return ((answer?.body['releases'] ?? []) as ReleaseRecord[]).toReversed()
}

export const releaseView = async (address: string): Promise<ReleaseView> => viewReleases(await releasesOf(address))

export async function lagOf(address: string): Promise<Readonly<Record<string, number>> | null> {
  const answer = await ask(`${address}/v1/status`)
  return answer?.status === 200 ? (answer.body['lag'] as Record<string, number>) : null
}

/** Resolves once no group is behind. */
export const caughtUp = (address: string, patience = 120_000): Promise<unknown> =>
  eventually(
    () => lagOf(address),
    (lag) => lag !== null && Object.keys(lag).length > 0 && Object.values(lag).every((records) => records === 0),
    patience,
  )

/** Resolves once a model serves, and how it is called. */
export async function served(address: string, patience = 180_000): Promise<{ generation: string; version: string }> {
  const isReady = async () => (await ask(`${address}/health/ready`))?.status === 200
  await eventually(isReady, (ready) => ready, patience)
  const { serving } = await releaseView(address)
  return { generation: serving?.generation ?? '', version: serving?.modelVersion ?? '' }
}

/** Resolves once nothing is left to do: no build, no watch, one generation, every receipt done, no blob without a pair. */
export async function settled(address: string, ledger: Ledger, outside: Platform): Promise<void> {
  await caughtUp(address)
  await eventually(
    () => releaseView(address),
    ({ build, live, onProbation }) => build === null && live.size === 1 && !onProbation,
    120_000,
  )
  await caughtUp(address)
  for (const [pairId] of pairsIn(ledger, 'erased')) {
    await eventually(
      () => ask(`${address}/v1/erasures/${pairId}`),
      (answer) => answer?.body['state'] === 'done',
    )
  }
  await outside.catalogue.caughtUp(outside.log)
  const live = new Set(outside.catalogue.liveImageIds())
  for (const [, { imageId }] of pairsIn(ledger, 'erased')) {
    if (live.has(imageId)) continue
    await eventually(
      () => outside.blobs.info(imageBlobKey(imageId)),
      (blob) => blob === null,
    )
  }
  await eventually(
    () => outside.index.generations(),
    (generations) => generations.length === 1,
  )
  // What a process writes as it ends, the next sweep takes away; what stays is counted by who looks.
  await eventually(
    () => deadFeatures(outside),
    (dead) => dead.length === 0,
    15_000,
  ).catch(() => undefined)
}
