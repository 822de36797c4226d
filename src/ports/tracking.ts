export type RunState = 'running' | 'finished' | 'failed'

export type Run = {
  readonly runId: string
  readonly experiment: string
  readonly name: string
  readonly state: RunState
  readonly startedAt: number
  readonly endedAt: number | null
  readonly parameters: Readonly<Record<string, string>>
  /** By metric, in order of steps. */
  readonly metrics: Readonly<Record<string, readonly MetricPoint[]>>
  readonly artefacts: readonly string[]
}

export type MetricPoint = { readonly step: number; readonly value: number; readonly at: number }

export type RegisteredVersion = {
  readonly modelVersion: string
  readonly runId: string
  /** Blob key of the model's manifest. */
  readonly manifest: string
  readonly tags: Readonly<Record<string, string>>
  readonly registeredAt: number
}

/**
 * Runs and registered model versions, as MLflow keeps them. The log decides what is released; aliases follow it. Starting a
 * run or registering a version that exists does nothing, so a redelivered event repeats safely. What it acknowledged is durable.
 */
export interface Tracking {
  startRun(run: {
    runId: string
    experiment: string
    name: string
    parameters: Record<string, string>
    startedAt: number
  }): Promise<void>
  logMetrics(runId: string, step: number, metrics: Readonly<Record<string, number>>, at: number): Promise<void>
  logArtefact(runId: string, name: string, bytes: Uint8Array): Promise<void>
  readArtefact(runId: string, name: string): Promise<Uint8Array | null>
  endRun(runId: string, state: Exclude<RunState, 'running'>, at: number): Promise<void>
  run(runId: string): Promise<Run | null>
  runs(experiment: string): Promise<readonly Run[]>
  register(version: RegisteredVersion): Promise<void>
  /** Adds tags to a registered version (`rejected: standard error over half the margin`). */
  tag(modelVersion: string, tags: Readonly<Record<string, string>>): Promise<void>
  /** Oldest first. */
  versions(): Promise<readonly RegisteredVersion[]>
  setAlias(alias: string, modelVersion: string | null): Promise<void>
  aliases(): Promise<Readonly<Record<string, string>>>
  close(): Promise<void>
}
