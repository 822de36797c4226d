import { z } from 'zod'
import { AppError } from '../../../core/errors.ts'
import { NOT_MLFLOW } from './answers.ts'
import { connectMlflow, type MlflowOptions } from './connection.ts'

const OLDEST = 3

const attempt = async (work: () => Promise<unknown>): Promise<readonly string[]> => {
  try {
    await work()
    return []
  } catch (error) {
    if (error instanceof AppError) return [error.message]
    throw error
  }
}

/** Sentences that say what is wrong with MLflow at the address and how to mend it; none when all is well. Changes nothing there. */
export async function checkMlflow(options: MlflowOptions): Promise<readonly string[]> {
  const found = await attempt(async () => {
    const mlflow = connectMlflow(options)
    await mlflow.must('mlflow/experiments/search', z.object({}), { method: 'POST', body: { max_results: 1 } })
    await mlflow.must('mlflow-artifacts/artifacts', z.object({}))
  })
  if (found.length > 0) return found
  let version = ''
  const late = await attempt(async () => void (version = (await connectMlflow(options).text('version')).trim()))
  if (late.length > 0 || Number.parseInt(version) >= OLDEST) return []
  if (!/^\d+\./.test(version)) return [NOT_MLFLOW]
  return [`MLflow is ${version}; update it to ${OLDEST} or newer.`]
}
