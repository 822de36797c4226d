import type { Config } from '../../config.ts'
import { embedGroup } from '../../core/consumer-groups.ts'
import { AppError } from '../../core/errors.ts'
import { viewReleases } from '../../core/release-chain.ts'
import { pointKinds } from '../../ports/vector-index.ts'
import type { Services } from '../services.ts'
import { fact, problem, warning, type Check, type Finding } from './check.ts'

const NO_MODEL = fact('there is no model yet')

/** Whether each live generation holds a point for every live picture and caption. */
export const indexCheck = (services: Services): Check => ({
  name: 'index',
  async run() {
    const { index, catalogue, config } = services
    const { live, build, serving } = viewReleases(catalogue.releases())
    const findings: Finding[] = []
    for (const generation of live.keys()) {
      if (generation === build?.generation) findings.push(fact(`${generation} is being built`))
      else findings.push(await generationFinding(services, generation))
    }
    const known = new Set(catalogue.releases().map(({ generation }) => generation))
    const stray = (await index.generations()).filter(({ generation }) => !known.has(generation))
    findings.push(
      ...stray.map(({ generation }) => warning(`no release knows of ${generation}`, strayFix(config, generation))),
    )
    const outside = await index.serving()
    if (serving?.generation != null && outside !== serving.generation)
      findings.push(
        warning(
          `outside readers are sent to ${outside ?? 'no generation'}, and ${serving.generation} serves`,
          "A process with the role release sets it right: run 'pairstream serve'.",
        ),
      )
    return findings.length === 0 ? [fact('it answers; there is no generation yet')] : findings
  },
})

/** A log that was restored or begun anew leaves what it had filled before; no generation to come gets the name of one of these. */
const strayFix = ({ drivers: { index } }: Config, generation: string): string =>
  index.kind === 'qdrant'
    ? `Delete its collections, ${pointKinds.map((kind) => `${index.prefix}${kind}_${generation}`).join(' and ')}; if another system fills them, set QDRANT_PREFIX.`
    : `It only takes room: ${index.folder} may be emptied while nothing runs, and 'pairstream replay --from 0' fills it again.`

async function generationFinding({ catalogue, index, log }: Services, generation: string): Promise<Finding> {
  const before = catalogue.counts()
  const fix = `Have it read again what it lacks: 'pairstream replay --from 0 --generation ${generation}'.`
  const ends = await log.endOffsets('pairs')
  const committed = await log.committedOffsets(embedGroup(generation), 'pairs')
  const info = (await index.generations()).find((stored) => stored.generation === generation)
  if (info === undefined) return problem(`${generation} is live and the index does not have it`, fix)
  const isThrough = [...ends].every(([partition, end]) => (committed.get(partition) ?? 0) >= end)
  // What was published while this asked may not be in the index yet, and what was erased meanwhile is no longer in it.
  const after = catalogue.counts()
  const expected = { images: Math.min(before.images, after.images), captions: Math.min(before.pairs, after.pairs) }
  const held = pointKinds.map((kind) => `${info.counts[kind]} of ${expected[kind]} ${kind}`).join(', ')
  const missing = pointKinds.some((kind) => info.counts[kind] < expected[kind])
  if (missing && isThrough) return problem(`${generation} holds ${held}, and its group has read everything`, fix)
  // Points of what was erased a moment ago go with its tombstone or with the next sweep.
  return fact(`${generation} holds ${held}${isThrough ? '' : ', and its group is not through yet'}`)
}

/** Whether the aliases say what the releases topic says. */
export const trackingCheck = ({ tracking, catalogue }: Services): Check => ({
  name: 'tracking',
  async run() {
    const champion = (await tracking.aliases())['champion'] ?? null
    const current = catalogue.currentRelease()?.modelVersion ?? null
    if (champion === current) return [fact(`champion is ${current ?? 'nobody yet'}, as in the releases`)]
    const text = `champion is ${champion ?? 'nobody'}, and ${current ?? 'nothing'} serves by the releases`
    return [warning(text, "The releases decide; a process with the role release sets it right: 'pairstream serve'.")]
  },
})

/** Whether every file of the serving model is in the blob store as its manifest names it. */
export const modelCheck = ({ catalogue, models }: Services): Check => ({
  name: 'model',
  async run() {
    const current = catalogue.currentRelease()
    if (current === null) return [NO_MODEL]
    const { modelVersion } = current
    const key = catalogue.model(modelVersion)?.manifest ?? null
    if (key === null)
      return [problem(`${modelVersion} serves and was never trained`, "Take it back: 'pairstream models revert'.")]
    try {
      const files = await models.verify(key)
      return [fact(`${modelVersion}, ${files} files intact`)]
    } catch (error) {
      if (!(error instanceof AppError) || error.kind !== 'invalid') throw error
      const fix = "Restore it from a copy of the blob store, or go back: 'pairstream models revert'."
      return [problem(`${modelVersion}: ${error.message}`, fix)]
    }
  },
})

/** Whether the networks that trainings build on can be opened: the image backbone and, where there is one, the sentence encoder; or the CLIP. */
export const backboneCheck = ({ backbone, sentenceEncoder, clip, config }: Services): Check => ({
  name: 'backbone',
  async run() {
    await backbone()
    if ((await clip()) !== null) return [fact(`${config.CLIP_DIR ?? ''} opens as a CLIP`)]
    const found = fact(config.BACKBONE_DIR === undefined ? 'the built-in one opens' : `${config.BACKBONE_DIR} opens`)
    const sentences = await sentenceEncoder()
    return sentences === null ? [found] : [found, fact(`${config.SENTENCE_ENCODER_DIR ?? ''} reads sentences`)]
  },
})
