import { createEmbedHandler } from '../../src/consumers/embed.ts'
import { createGenerations } from '../../src/consumers/generations.ts'
import { createReleaseHandler, type ReleaseDependencies } from '../../src/consumers/release.ts'
import { createReleaseKeeper, type KeeperDependencies } from '../../src/consumers/release-keeper.ts'
import { defaultWatchLimits, nothingSeen, type Observations } from '../../src/consumers/release-watch.ts'
import { embedGroup } from '../../src/core/consumer-groups.ts'
import type { ModelTrained } from '../../src/core/events.ts'
import { sha256Hex } from '../../src/core/ids.ts'
import type { GateDecision } from '../../src/evaluation/gate-decision.ts'
import { topicValues } from '../fixtures/topic-values.ts'
import { PARTITIONS, type Platform } from './consumer-harness.ts'
import { createWordEncoder } from './word-encoder.ts'

const MANIFEST = 'manifests/a.json'

/** The generations that the first models get. */
export const [g1, g2] = ['g1', 'g2'].map((start) => `${start}-${sha256Hex(MANIFEST).slice(0, 8)}`) as [string, string]

export const model = (modelVersion: string, changes: Partial<ModelTrained> = {}) => {
  const facts = {
    outcome: 'trained',
    manifest: MANIFEST,
    requestId: `request of ${modelVersion}`,
    metrics: {},
  }
  return {
    topic: 'models.trained',
    key: modelVersion,
    value: { ...topicValues['models.trained'], ...facts, modelVersion, ...changes },
  } as const
}

export const decision = (outcome: GateDecision['outcome'], evidence: object = { gain: 0.02 }) =>
  ({ outcome, sentence: `It is ${outcome}.`, evidence }) as GateDecision

export const well: Observations = { ...nothingSeen, goldenRecall: 0.5 }

export const deciding = (made: Platform, changes: Partial<ReleaseDependencies> = {}) =>
  createReleaseHandler({
    ...made,
    compare: async () => decision('promoted'),
    judgeFirst: async () => ({ accepted: true, sentence: 'It is the first.', evidence: { recall: 0.4 } }),
    ...changes,
  })

export const keeping = (made: Platform, changes: Partial<KeeperDependencies> = {}) =>
  createReleaseKeeper({
    ...made,
    observe: async () => well,
    modelProblem: async () => null,
    limits: defaultWatchLimits,
    probation: 1_000,
    watchInterval: 0,
    ...changes,
  })

export const generationsOf = (made: Platform, changes: Partial<Parameters<typeof createGenerations>[0]> = {}) =>
  createGenerations({
    ...made,
    openEncoder: async (version) => createWordEncoder(version),
    startEmbedding: (generation, encoder) =>
      made.start(createEmbedHandler({ ...made, generation, encoder, partitions: PARTITIONS, batch: 8 })),
    retirementDelay: 5_000,
    ...changes,
  })

export const states = ({ catalogue }: Platform) =>
  catalogue.releases().map(({ state, modelVersion, generation }) => [state, modelVersion, generation])

export async function decided(made: Platform): Promise<void> {
  await made.passed('release', 'models.trained')
  await made.catalogue.caughtUp(made.log)
}

/** Steps until there is nothing left to do. */
export const exhaust = async (step: () => Promise<boolean>): Promise<void> => {
  while (await step()) void 0
}

/** Brings a model into service, all of it by the consumers. */
export async function serve(made: Platform, modelVersion: string, generation: string): Promise<void> {
  await made.log.append([model(modelVersion)])
  await decided(made)
  const generations = generationsOf(made)
  await generations.step()
  await made.passed(embedGroup(generation))
  await generations.stop()
  await keeping(made).step()
}
