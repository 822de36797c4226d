import { AppError } from '../../core/errors.ts'
import type { MetricPoint, Run, RunState, Tracking } from '../../ports/tracking.ts'
import type { Database } from '../../sqlite/database.ts'

export const RUN_TABLES = `
  CREATE TABLE IF NOT EXISTS runs (
    number INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    experiment TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    parameters TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS runs_by_experiment ON runs (experiment, started_at);
  CREATE TABLE IF NOT EXISTS metrics (
    run_id TEXT NOT NULL,
    name TEXT NOT NULL,
    step INTEGER NOT NULL,
    value REAL, -- null is NaN, which SQLite cannot hold
    at INTEGER NOT NULL,
    PRIMARY KEY (run_id, name, step)
  ) WITHOUT ROWID;
`

type RunRow = {
  run_id: string
  experiment: string
  name: string
  state: string
  started_at: number
  ended_at: number | null
  parameters: string
}

/** A run without the names of its artefacts, which are with the artefacts. */
export type RunRecord = Omit<Run, 'artefacts'>

export function createRunRecords(database: Database) {
  const insert = database.prepare(
    `INSERT OR IGNORE INTO runs (run_id, experiment, name, state, started_at, parameters) VALUES (?, ?, ?, 'running', ?, ?)`,
  )
  const end = database.prepare('UPDATE runs SET state = ?, ended_at = ? WHERE run_id = ?')
  const find = database.prepare<RunRow>('SELECT * FROM runs WHERE run_id = ?')
  const list = database.prepare<RunRow>('SELECT * FROM runs WHERE experiment = ? ORDER BY started_at, number')
  const setMetric = database.prepare('INSERT OR REPLACE INTO metrics VALUES (?, ?, ?, ?, ?)')
  const metricsOf = database.prepare<{ name: string; step: number; value: number | null; at: number }>(
    'SELECT name, step, value, at FROM metrics WHERE run_id = ? ORDER BY name, step',
  )

  const toRecord = (row: RunRow): RunRecord => {
    const metrics: Record<string, MetricPoint[]> = {}
    for (const { name, step, value, at } of metricsOf.all(row.run_id)) {
      const points = (metrics[name] ??= [])
      points.push({ step, value: value ?? Number.NaN, at })
    }
    return {
      runId: row.run_id,
      experiment: row.experiment,
      name: row.name,
      state: row.state as RunState,
      startedAt: row.started_at,
      endedAt: row.ended_at,
      parameters: JSON.parse(row.parameters) as Record<string, string>,
      metrics,
    }
  }

  /** Throws `not-found`. */
  const mustExist = (runId: string): void => {
    if (find.get(runId) === undefined) throw new AppError('not-found', `There is no run ${runId}; start it first.`)
  }

  return {
    mustExist,
    start: ({ runId, experiment, name, parameters, startedAt }: Parameters<Tracking['startRun']>[0]): void =>
      void insert.run(runId, experiment, name, startedAt, JSON.stringify(parameters)),
    logMetrics: (runId: string, step: number, metrics: Readonly<Record<string, number>>, at: number): void =>
      database.transaction(() => {
        mustExist(runId)
        for (const [name, value] of Object.entries(metrics)) {
          setMetric.run(runId, name, step, Number.isNaN(value) ? null : value, at)
        }
      }),
    end: (runId: string, state: RunState, at: number): void => {
      if (end.run(state, at, runId).changes === 0) mustExist(runId)
    },
    find: (runId: string): RunRecord | null => {
      const row = find.get(runId)
      return row === undefined ? null : toRecord(row)
    },
    list: (experiment: string): RunRecord[] => list.all(experiment).map(toRecord),
  }
}
