import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import { toAppError } from '../../core/errors.ts'
import { openOnnxSession } from '../onnx-session.ts'
import { readSafetensors } from '../safetensors.ts'
import { startThread } from '../start-thread.ts'
import { parseForeignJson } from './json-file.ts'
import type { TrialOrder, TrialReport } from './try-model.ts'

/** The program of the process that opens a model's files for the first time. Its parent ends it. */

// A terminal interrupts the whole group at once; when to stop is the parent's decision.
process.on('SIGINT', () => undefined).on('SIGTERM', () => undefined)
// A parent that has died has no use for the answer.
process.once('disconnect', () => process.exit())

const send = (report: TrialReport) => new Promise<void>((resolve) => process.send?.(report, () => resolve()))

async function tryFile(folder: string, file: string): Promise<void> {
  const path = join(folder, file)
  if (file.endsWith('.onnx')) await (await openOnnxSession(path)).close()
  else if (file.endsWith('.safetensors')) readSafetensors(await readFile(path))
  else if (file.endsWith('.json')) parseForeignJson(await readFile(path, 'utf8'), file)
}

async function tryAll({ folder, files, memory }: TrialOrder): Promise<void> {
  try {
    setPriority(5)
    // On a thread of its own, because ONNX Runtime holds this one up while it loads.
    await once(startThread('memory-watch', import.meta.url, { memory }), 'message')
    for (const file of files) {
      await send({ tries: file })
      await tryFile(folder, file)
      await send({ passed: file })
    }
    await send({ done: true })
  } catch (error) {
    const { code, message } = toAppError(error)
    await send({ code, detail: message })
  }
}

process.once('message', (order) => void tryAll(order as TrialOrder))
