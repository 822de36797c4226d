import type { Platform } from '../../../src/bootstrap.ts'
import { repeated } from '../../fixtures/fault-findings.ts'
import { idsIn, recordsOf } from './outside.ts'

/** The pairs that answer a search more than once. */
export const twiceAmong = (hits: readonly { readonly pairId: string | null }[]): string[] =>
  repeated(hits.flatMap(({ pairId }) => pairId ?? []))

/** What the log holds twice of what may happen once, in words. */
export async function doubledInLog(platform: Platform): Promise<string[]> {
  const { catalogue } = platform
  const valuesOf = async <T extends 'retraining.requested' | 'models.trained'>(topic: T) =>
    (await recordsOf(platform, topic)).flatMap(({ value }) => value ?? [])
  const requests = await valuesOf('retraining.requested')
  const models = await valuesOf('models.trained')
  const promotions = catalogue.releases().filter(({ state }) => state === 'promoted')
  return repeated([
    // Each request sets the base of the next: two after one are two for one crossing.
    ...requests.map(({ previousRequestId }) => `a request after ${previousRequestId ?? 'none'}`),
    ...models.map(({ requestId }) => `a model of the request ${requestId}`),
    ...promotions.map(({ generation }) => `a promotion of ${generation ?? 'nothing'}`),
    ...[...catalogue.livePairs()].map(({ imageId, caption }) => `a live pair of ${imageId} and "${caption}"`),
  ])
}

/** The captions of an image that have more than one point, whatever their ids, and those that its own point shows twice. */
export async function doubledCaptions(platform: Platform, generation: string): Promise<string[]> {
  const shownBy = async (kind: 'images' | 'captions'): Promise<string[]> => {
    const points = await platform.index.points(generation, kind, [...new Set(await idsIn(platform, generation, kind))])
    return points.flatMap(({ payload: { imageId, captions } }) =>
      captions.map((caption) => `${kind}: ${imageId} with "${caption}"`),
    )
  }
  return repeated([...(await shownBy('captions')), ...(await shownBy('images'))])
}
