import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { chooseFiles, type Precision } from './choose-files.ts'
import { externalFiles } from './external-data.ts'
import { parseForeignJson } from './json-file.ts'

const CONFIG_FILE = 'config.json'

type Supply = {
  /** All files that there are. */
  readonly paths: readonly string[]
  /** Makes the files readable; called again for what they turn out to need. */
  bring(paths: readonly string[]): Promise<void>
  /** The folder in which a file that was brought lies, by its path. */
  folderOf(path: string): string
}

export type RequiredFiles = { readonly paths: readonly string[]; readonly precision: Precision }

/**
 * Finds out which files of a model are needed: its configuration says which network, and its networks in which further files their
 * weights lie. Throws as `chooseFiles` and `externalFiles`.
 */
export async function requiredFiles(supply: Supply, wanted: Precision | null): Promise<RequiredFiles> {
  if (!supply.paths.includes(CONFIG_FILE)) {
    throw new AppError('model-invalid', 'The model has no config.json; name one in the layout of the hub.')
  }
  await supply.bring([CONFIG_FILE])
  const text = await readFile(join(supply.folderOf(CONFIG_FILE), CONFIG_FILE), 'utf8')
  const { settings, networks, precision } = chooseFiles(supply.paths, parseForeignJson(text, CONFIG_FILE), wanted)
  const named = [...settings, ...networks]
  await supply.bring(named)
  const graphs = networks.filter((path) => path.endsWith('.onnx'))
  const beside = new Set(graphs.flatMap((path) => besides(supply, path)))
  const paths = [...named, ...[...beside].filter((path) => !named.includes(path))]
  await supply.bring(paths)
  return { paths, precision }
}

function besides({ folderOf, paths }: Supply, path: string): readonly string[] {
  const files = externalFiles(folderOf(path), path)
  const missing = files.find((file) => !paths.includes(file))
  if (missing === undefined) return files
  throw new AppError('model-invalid', `${path} keeps weights in ${missing}, which the model does not have.`)
}
