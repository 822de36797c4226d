import { z } from 'zod'
import { Nothing } from './answers.ts'
import type { Mlflow } from './connection.ts'
import { quoted } from './names.ts'

const Experiment = z.object({ experiment_id: z.string(), name: z.string(), lifecycle_stage: z.string() })
const Found = z.object({ experiment: Experiment })
const Page = z.object({ experiments: z.array(Experiment).default([]), next_page_token: z.string().optional() })
const Created = z.object({ experiment_id: z.string() })

/** Lets MLflow's page show trainings, and not conversations with language models. */
const TRAINING = { key: 'mlflow.experimentKind', value: 'custom_model_development' }

export type ExperimentName = { readonly id: string; readonly experiment: string }

/** Experiments by their name, which MLflow keeps unique; ours begin with `name/`. Asked for each time: MLflow may have lost them since. */
export function createExperiments(mlflow: Mlflow, name: string) {
  const prefix = `${name}/`

  const find = async (experiment: string): Promise<string | null> => {
    const found = await mlflow.call('mlflow/experiments/get-by-name', Found, {
      query: { experiment_name: prefix + experiment },
      tolerated: 'RESOURCE_DOES_NOT_EXIST',
    })
    if (found === null) return null
    const { experiment_id: id, lifecycle_stage: stage } = found.experiment
    if (stage === 'deleted') {
      await mlflow.must('mlflow/experiments/restore', Nothing, { method: 'POST', body: { experiment_id: id } })
    }
    return id
  }

  return {
    find,
    /** Made where it is missing; of two processes that make it at once, one is refused by MLflow and finds the other's. */
    async findOrCreate(experiment: string): Promise<string> {
      for (;;) {
        const found = await find(experiment)
        if (found !== null) return found
        await mlflow.call('mlflow/experiments/create', Created, {
          method: 'POST',
          body: { name: prefix + experiment, tags: [TRAINING] },
          tolerated: 'RESOURCE_ALREADY_EXISTS',
        })
      }
    },
    async list(): Promise<readonly ExperimentName[]> {
      const found: ExperimentName[] = []
      let token: string | undefined
      do {
        const page: z.infer<typeof Page> = await mlflow.must('mlflow/experiments/search', Page, {
          method: 'POST',
          body: { filter: `name LIKE ${quoted(`${prefix}%`)}`, max_results: 1_000, page_token: token },
        })
        for (const each of page.experiments) {
          // An underscore in the filter matches any character.
          if (!each.name.startsWith(prefix)) continue
          found.push({ id: each.experiment_id, experiment: each.name.slice(prefix.length) })
        }
        token = page.next_page_token
      } while (token !== undefined && token !== '')
      return found
    },
  }
}

export type Experiments = ReturnType<typeof createExperiments>
