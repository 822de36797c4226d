import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

/** A folder with a graph of one's own making and the preprocessing of 4 x 4 pictures. */
export async function networkFolder(model: Uint8Array): Promise<string> {
  const folder = await temporaryFolder()
  await mkdir(join(folder, 'onnx'))
  await writeFile(join(folder, 'onnx', 'model.onnx'), model)
  await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify({ size: { height: 4, width: 4 } }))
  return folder
}
