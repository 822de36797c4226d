/**
 * One life of the platform in the folder argv[2], with the seed argv[3]: all consumers, publications, erasures, restorations and
 * releases without end, until it is killed. With `settle` as argv[4] it only finishes what is open, and exits.
 */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openPlatform } from '../../src/bootstrap.ts'
import { createPublisher } from '../../src/producers/publisher.ts'
import { inspectImage } from '../../src/models/decode-image.ts'
import { erasePair, restorePair } from '../../src/roles/commands.ts'
import { imageBlobKey } from '../../src/core/pair-record.ts'
import { createRandom } from '../../src/core/random.ts'
import type { CrashEvent } from './events.ts'
import { crashConfig, picturesFolder } from './setting.ts'
import { startConsumers } from './life-consumers.ts'

const [folder = '', seed = '0', mode = 'work'] = process.argv.slice(2)
const MOST_PAIRS = 300
const WORKERS = 4

const random = createRandom(Number(seed))
const platform = await openPlatform(crashConfig(folder), 'own')
const { catalogue, log, blobs, clock } = platform
const consumers = startConsumers(platform)
platform.failed.catch(die)
consumers.failed.catch(die)

function die(error: unknown): void {
  console.error(error)
  process.exit(1)
}

const say = (event: CrashEvent): void => void process.stdout.write(`${JSON.stringify(event)}\n`)

const publisher = createPublisher({
  log,
  blobs,
  inspect: inspectImage,
  isErased: catalogue.isErased,
  known: catalogue.isLivePair,
  clock,
})

const names = await readdir(picturesFolder(folder))
const pictures = await Promise.all(names.map((name) => readFile(join(picturesFolder(folder), name))))
const busy = new Set<string>()
let published = 0

async function publish(picture: Buffer, caption: string): Promise<void> {
  const entry = {
    image: async () => picture,
    caption,
    subject: null,
    split: null,
    metadata: { seed },
    source: `crash:${seed}`,
  }
  const { outcome, pairId, imageId } = await publisher.publish(entry)
  if (outcome === 'accepted' && pairId !== null && imageId !== null) say({ type: 'accepted', pairId, imageId, caption })
}

/** A live pair that nobody else is changing. */
function anyPair(): { pairId: string; imageId: string; caption: string } | null {
  const images = [...catalogue.liveImageIds()]
  const image = catalogue.image(images[random.below(Math.max(1, images.length))] ?? '')
  const captions = image?.captions ?? []
  const pair = captions[random.below(Math.max(1, captions.length))]
  return image === null || pair === undefined || busy.has(pair.pairId) ? null : { ...pair, imageId: image.imageId }
}

/** What becomes of a pair once it is erased: nothing, a producer that does not care, or a restoration. */
type Sequel = 'none' | 'stubborn' | 'restored'

async function erase(sequel: Sequel): Promise<void> {
  const pair = anyPair()
  if (pair === null) return
  const { pairId, imageId, caption } = pair
  busy.add(pairId)
  const bytes = await blobs.get(imageBlobKey(imageId))
  const position = catalogue.pair(pairId)?.position
  const record = position === undefined ? null : await log.read('pairs', position.partition, position.offset)
  say({ type: 'erasing', pairId })
  await erasePair(platform, pairId, 'crash test')
  say({ type: 'erased', pairId })
  if (sequel === 'stubborn' && record?.value != null) {
    await log.append([{ topic: 'pairs', key: record.key, value: record.value }])
  } else if (sequel === 'restored' && bytes !== null) {
    await catalogue.caughtUp(log)
    say({ type: 'restoring', pairId })
    await restorePair(platform, pairId, 'crash test')
    await publish(Buffer.from(bytes), caption)
  }
  busy.delete(pairId)
}

const sequels: readonly Sequel[] = ['none', 'stubborn', 'restored']

async function work(): Promise<void> {
  for (;;) {
    const picture = pictures[random.below(pictures.length)]
    const isFull = catalogue.counts().pairs >= MOST_PAIRS
    if (random.float() < 0.65 && picture !== undefined && !isFull) {
      await publish(picture, `caption ${published++} of life ${seed}`)
    } else await erase(sequels[random.below(sequels.length)] ?? 'none')
    await delay(random.below(8))
  }
}

if (mode === 'settle') {
  await consumers.settled()
  await consumers.stop()
  await platform.close()
} else {
  say({ type: 'ready' })
  consumers.releaseWithoutEnd()
  await Promise.race([platform.failed, ...Array.from({ length: WORKERS }, work)])
}
