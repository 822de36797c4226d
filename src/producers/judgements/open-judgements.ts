import { openJudgementFile } from './judgement-files.ts'
import type { JudgementSource } from './judgement-source.ts'
import { isAddress, openPostgrest, type PostgrestOptions } from './postgrest.ts'

/** Opens judgements by the path of a file or the address of a table behind PostgREST. Throws as those two do. */
export const openJudgements = async (from: string, options: PostgrestOptions): Promise<JudgementSource> =>
  isAddress(from) ? openPostgrest(from, options) : openJudgementFile(from)
