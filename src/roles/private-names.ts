import { readFile } from 'node:fs/promises'
import { AppError } from '../core/errors.ts'
import { namesOf, type Names } from '../core/personal-data.ts'

/** What takes the names out of a text that a file lists, one a line; none where there is no file. Throws `configuration-invalid`. */
export async function privateNames(path: string | undefined): Promise<Names> {
  if (path === undefined) return namesOf([])
  try {
    return namesOf((await readFile(path, 'utf8')).split(/\r?\n/))
  } catch (cause) {
    throw new AppError(
      'configuration-invalid',
      'PRIVATE_NAMES: the file cannot be read; name one with a name a line.',
      {
        cause,
      },
    )
  }
}
