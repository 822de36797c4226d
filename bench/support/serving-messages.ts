import type { Role, Settings } from '../../src/config.ts'

/** What the serving process is started with, as JSON in its first argument. */
export type ServingOrder = {
  readonly folder: string
  readonly roles: readonly Role[]
  readonly settings: Partial<Record<keyof Settings, string | number>>
  /** How many held-out captions to hand over as queries. */
  readonly queries: number
}

export type ServingRequest =
  /** Search by direct calls: `clients` loops over the queries for `milliseconds`. */
  | {
      readonly type: 'search'
      readonly queries: readonly string[]
      readonly clients: number
      readonly milliseconds: number
    }
  | { readonly type: 'train' }
  | { readonly type: 'stop' }

export type ServingReady = {
  readonly type: 'ready'
  readonly address: string
  readonly queries: readonly string[]
  readonly images: number
  readonly pairs: number
  /** The folder of the model that serves. */
  readonly model: string
}

export type ServingReport =
  | ServingReady
  | { readonly type: 'searched'; readonly milliseconds: readonly number[] }
  /** The first step of a training is done: its process is at work. */
  | { readonly type: 'training' }
  | { readonly type: 'trained' }
  | { readonly type: 'failed'; readonly detail: string }
