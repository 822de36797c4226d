import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

const text = readFileSync(resolve(import.meta.dirname, '../../../docs/events.md'), 'utf8')

/** The code that follows a mark in `docs/events.md`, as it is printed there. Throws where there is none. */
function blockAfter(mark: string): string {
  const [, after] = text.split(`<!-- ${mark} -->`)
  const code = /^\s*```\w+\n(.*?)\n```/s.exec(after ?? '')?.[1]
  if (code === undefined) throw new Error(`docs/events.md has no code after <!-- ${mark} -->.`)
  return code
}

/** Writes an example of the document as a file of its name into `folder`. */
export const writeExample = (folder: string, name: string): Promise<void> =>
  writeFile(join(folder, name), `${blockAfter(`example: ${name}`)}\n`)

/** The commands of an example, a line each. */
export const exampleLines = (name: string): string[] => blockAfter(`example: ${name}`).split('\n')

/** The test vectors of the document, as text. */
export const documentVectors = (): string => blockAfter('vectors')
