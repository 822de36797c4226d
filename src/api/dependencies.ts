import type { Catalogue, CataloguePair } from '../catalogue/catalogue.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { AuditFact } from '../core/audit-chain.ts'
import type { AuditEntry, FeedbackGiven, QueryAsked, RetrainingRequested } from '../core/events.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import type { EventLog } from '../ports/event-log.ts'
import type { Access } from './access/access.ts'
import type { Principal } from './access/principal.ts'
import type { WorkLimits } from './middleware/admit.ts'
import type { RateLimitSettings } from './middleware/rate-limit.ts'
import type { SearchService } from './search-service.ts'
import type { Serving } from './serving.ts'

/** A pair as a client sends it, not validated beyond its shape. */
export type PairEntry = {
  /** Throws an error of kind `invalid` where what was sent is no file. Entries of one picture share this function. */
  readonly image: () => Promise<Uint8Array>
  /** How much of memory the picture takes as it was sent. */
  readonly bytes: number
  readonly caption: string | null
  readonly subject: string | null
  readonly split: string | null
  readonly source: string
  readonly metadata: Readonly<Record<string, string>>
}

/** What became of an entry. `code` and `detail` say why it was rejected. */
export type PublishResult = {
  readonly outcome: 'accepted' | 'duplicate' | 'rejected'
  readonly pairId: string | null
  readonly imageId: string | null
  readonly code: ErrorCode | null
  readonly detail: string | null
}

/** Everything that is kept of one person: pairs that name the person as their subject, and what the person asked and judged. */
export type SubjectData = {
  readonly pairs: readonly CataloguePair[]
  readonly queries: readonly QueryAsked[]
  readonly feedback: readonly FeedbackGiven[]
}

/** What was taken back. The erasure of each pair has a receipt of its own; queries and feedback are gone with the next compaction. */
export type SubjectErasure = {
  readonly pairIds: readonly string[]
  readonly queries: number
  readonly feedback: number
}

/** How far the next training is. */
type TrainingProgress = {
  /** Live counted pairs in the last requested snapshot. */
  readonly base: number
  /** Live counted pairs outside it. */
  readonly newPairs: number
  /** The share new / base past which a training is requested. */
  readonly threshold: number
  /** How many pairs are missing until the first training; 0 once it was requested. */
  readonly missingPairs: number
}

interface ApiLogger {
  warn(facts: Readonly<Record<string, unknown>>, message: string): void
  error(facts: Readonly<Record<string, unknown>>, message: string): void
}

export interface RequestMetrics {
  /** `route` is the pattern (`/v1/pairs/{id}`), so that ids do not become labels. */
  requested(request: { method: string; route: string; status: number; seconds: number }): void
}

/** Something that somebody did, on its way into the audit log. */
export type Audited = Omit<AuditFact, 'principal' | 'at'> & { readonly principal: Pick<Principal, 'id' | 'name'> }

/** An entry of the audit log, and where it lies there. */
export type AuditRecord = { readonly offset: number; readonly entry: AuditEntry | null }

export interface AuditTrail {
  /** Resolves once it is durable. */
  record(fact: Audited): Promise<void>
  /** The newest records before an offset (null: all), newest first, at most `limit`. */
  page(before: number | null, limit: number): Promise<readonly AuditRecord[]>
}

/** Everything the HTTP API needs; ports and functions only, so that it can be served over any drivers. */
export type ApiDependencies = {
  readonly serving: Serving
  readonly search: SearchService
  readonly catalogue: Catalogue
  readonly log: EventLog
  readonly blobs: BlobStore
  /** Validates and publishes; resolves once the pair is durable. Throws only what is unavailable or internal. */
  readonly publish: (entry: PairEntry) => Promise<PublishResult>
  /** Publishes the tombstone and the erasure request of a known pair; repeating it changes nothing. */
  readonly erase: (pairId: string, requestedBy: string) => Promise<void>
  /** All that is kept of a person. */
  readonly subjectData: (subject: string, signal?: AbortSignal) => Promise<SubjectData>
  /** Erases all of it; repeating it changes nothing. */
  readonly eraseSubject: (subject: string, requestedBy: string) => Promise<SubjectErasure>
  /** Resolves once it is durable. */
  readonly recordFeedback: (feedback: Omit<FeedbackGiven, 'givenAt'>) => Promise<void>
  readonly requestRetraining: (requestedBy: string) => Promise<RetrainingRequested>
  readonly progress: () => TrainingProgress
  /** Records not yet consumed, by consumer group. */
  readonly lag: () => Promise<Readonly<Record<string, number>>>
  /** Why requests cannot be answered in full (`catalogue-behind`, `index-unavailable`); empty when they can. */
  readonly reasonsNotReady: () => Promise<readonly string[]>
  /** The codes of the dependencies that do not answer now. */
  readonly missing: () => Promise<readonly string[]>
  /** Prometheus text, as a prom-client registry gives it. */
  readonly registry: { readonly contentType: string; metrics(): Promise<string> }
  readonly access: Access
  readonly audit: AuditTrail
  readonly rateLimits: RateLimitSettings
  readonly work: WorkLimits
  /** Addresses and networks of the proxies that are believed. */
  readonly trustedProxies: readonly string[]
  /** Milliseconds since the epoch. */
  readonly clock: () => number
  /** The built search page; null serves none. */
  readonly webFolder: string | null
  readonly version: string
  readonly metrics?: RequestMetrics
  /** Origins (`https://shop.example.com`) whose pages may use the API from a browser; default none. */
  readonly corsOrigins?: readonly string[]
  readonly logger?: ApiLogger
  /** The largest request body, in bytes. Default 25 MB. */
  readonly maxBodyBytes?: number
}
