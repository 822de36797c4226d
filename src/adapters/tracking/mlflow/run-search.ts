import { z } from 'zod'
import { Double, Pair, Whole } from './answers.ts'
import type { Mlflow } from './connection.ts'
import { quoted } from './names.ts'

/** Tag with the id of a run that is started; MLflow gives runs ids of its own. */
export const RUN_ID = 'pairstream.run_id'
/** Tag with the id of a run that is being started. */
export const CANDIDATE = 'pairstream.starting'

const RunShape = z.object({
  info: z.object({
    run_id: z.string(),
    experiment_id: z.string(),
    run_name: z.string().default(''),
    status: z.string(),
    start_time: Whole.default(0),
    end_time: Whole.optional(),
    artifact_uri: z.string().default(''),
    lifecycle_stage: z.string().default('active'),
  }),
  data: z
    .object({
      metrics: z.array(z.object({ key: z.string() })).default([]),
      params: z.array(Pair).default([]),
      tags: z.array(Pair).default([]),
    })
    .prefault({}),
})
export type MlflowRun = z.infer<typeof RunShape>

const Runs = z.object({ runs: z.array(RunShape).default([]), next_page_token: z.string().optional() })
const MetricShape = z.object({ value: Double, timestamp: Whole.default(0), step: Whole.default(0) })
const History = z.object({ metrics: z.array(MetricShape).default([]), next_page_token: z.string().optional() })
export type LoggedMetric = z.infer<typeof MetricShape>

/** The runs of some experiments that match a filter, those with the earliest start first. */
export async function searchRuns(mlflow: Mlflow, experiments: readonly string[], filter: string) {
  const found: MlflowRun[] = []
  let token: string | undefined
  if (experiments.length === 0) return found
  do {
    const page: z.infer<typeof Runs> = await mlflow.must('mlflow/runs/search', Runs, {
      method: 'POST',
      body: {
        experiment_ids: experiments,
        filter,
        order_by: ['attributes.start_time ASC'],
        max_results: 1_000,
        page_token: token,
      },
    })
    found.push(...page.runs)
    token = page.next_page_token
  } while (token !== undefined && token !== '')
  return found
}

export const withTag = (tag: string, value: string): string => `tags.\`${tag}\` = ${quoted(value)}`

/** Every value that was logged for a metric, also those that were logged again. */
export async function historyOf(mlflow: Mlflow, id: string, metric: string): Promise<readonly LoggedMetric[]> {
  const found: LoggedMetric[] = []
  let token: string | undefined
  do {
    const query = { run_id: id, metric_key: metric, ...(token === undefined ? {} : { page_token: token }) }
    const page: z.infer<typeof History> = await mlflow.must('mlflow/metrics/get-history', History, { query })
    found.push(...page.metrics)
    token = page.next_page_token
  } while (token !== undefined && token !== '')
  return found
}
