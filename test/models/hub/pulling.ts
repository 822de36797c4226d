import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createHub } from '../../../src/models/hub/hub.ts'
import type { LockedFile } from '../../../src/models/hub/lock-file.ts'
import { parseModelName } from '../../../src/models/hub/model-name.ts'
import type { Patience } from '../../../src/models/hub/patience.ts'
import { pullModel, type PulledModel, type PullOrder, type PullSettings } from '../../../src/models/hub/pull-model.ts'
import { hubAddress } from '../../../src/models/hub/request.ts'
import { REPOSITORY } from './hub-server.ts'

/** Nobody waits in a test: pauses of a millisecond, and none that the hub asks for. */
export const hasty: Patience = { attempts: 3, firstPause: 1, longestPause: 1_000, silence: 5_000 }

export type PullChoices = Partial<Pick<PullSettings, 'maxBytes' | 'trial'>> & {
  readonly url: string
  readonly folder: string
  readonly name?: string
  readonly precision?: PullOrder['precision']
  readonly sha256?: string
  readonly token?: string
  readonly patience?: Partial<Patience>
  readonly signal?: AbortSignal
  readonly onBytes?: (path: string, done: number) => void
  readonly onFile?: (file: LockedFile) => void
  readonly onWait?: () => void
  readonly onPause?: () => void
}

export const orderOf = ({
  name = REPOSITORY,
  precision = null,
  sha256,
}: Omit<PullChoices, 'url' | 'folder'>): PullOrder => ({
  name: parseModelName(name),
  precision,
  sha256: sha256 ?? null,
})

/** Pulls from a server of the test. */
export function pullFrom(choices: PullChoices): Promise<PulledModel> {
  const { url, folder, token, patience, signal = new AbortController().signal, trial } = choices
  const ignore = (): void => undefined
  const hub = createHub(hubAddress(url, token), {
    patience: { ...hasty, ...patience },
    signal,
    onPause: choices.onPause ?? ignore,
  })
  return pullModel(orderOf(choices), {
    hub,
    hubFolder: folder,
    maxBytes: choices.maxBytes ?? 100_000_000,
    ...(trial === undefined ? {} : { trial }),
    events: {
      onWait: choices.onWait ?? ignore,
      onBytes: choices.onBytes ?? ignore,
      onFile: choices.onFile ?? ignore,
      onTrial: ignore,
      onPassed: ignore,
    },
  })
}

/** All files below a folder that could be taken for a model's, sorted. */
export async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter((entry) => !entry.isDirectory())
  return files.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).sort()
}

/** The folder of the model below a hub's. */
export const placeOf = (folder: string, commit: string): string => join(folder, ...REPOSITORY.split('/'), commit)
