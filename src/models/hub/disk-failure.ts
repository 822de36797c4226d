import { AppError } from '../../core/errors.ts'

const full: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])
const shut: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR'])

/** What a failure of the file system means for whoever pulls; other errors as they are. */
export function diskFailure(error: unknown, folder: string): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code ?? ''
  if (error instanceof AppError) return error
  if (full.has(code)) {
    const detail = `The disk that holds ${folder} is full; free some space, and the same command goes on.`
    return new AppError('storage-full', detail, { cause: error })
  }
  if (!shut.has(code)) return error
  const detail = `The folder that DATA_DIR names cannot be written to (${code}); name another one.`
  return new AppError('configuration-invalid', detail, { cause: error })
}
