import { toAppError } from '../core/errors.ts'
import { answerParent } from '../training/answer-parent.ts'
import { toStorageFull } from '../training/storage-full.ts'
import { runRerankerJob, type RerankerJob } from './reranker-job.ts'

answerParent((job: RerankerJob, report) => runRerankerJob(job, report).catch(toStorageFull), toAppError)
