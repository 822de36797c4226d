import { z } from 'zod'
import { AppError } from '../../../core/errors.ts'
import type { RegisteredVersion } from '../../../ports/tracking.ts'
import { Nothing, Pair, Whole } from './answers.ts'
import type { Mlflow } from './connection.ts'
import { decodeName, encodeName, OWN, quoted } from './names.ts'

const TAGS = {
  modelVersion: `${OWN}model_version`,
  runId: `${OWN}run_id`,
  manifest: `${OWN}manifest`,
  registeredAt: `${OWN}registered_at`,
} as const

const VersionShape = z.object({ version: Whole, tags: z.array(Pair).default([]) })
const Versions = z.object({ model_versions: z.array(VersionShape).default([]), next_page_token: z.string().optional() })
const Created = z.object({ model_version: VersionShape })
const Aliases = z.object({ alias: z.string(), version: Whole })
const Model = z.object({ registered_model: z.object({ aliases: z.array(Aliases).default([]) }) })

type Numbered = RegisteredVersion & { readonly number: number }

function toVersion({ version, tags }: z.infer<typeof VersionShape>): Numbered | null {
  const byKey = new Map(tags.map(({ key, value }) => [key, value]))
  const modelVersion = byKey.get(TAGS.modelVersion)
  if (modelVersion === undefined) return null
  const own = tags.filter(({ key }) => !key.startsWith(OWN)).map(({ key, value }) => [decodeName(key), value] as const)
  return {
    number: version,
    modelVersion,
    runId: byKey.get(TAGS.runId) ?? '',
    manifest: byKey.get(TAGS.manifest) ?? '',
    tags: Object.fromEntries(own),
    registeredAt: Number(byKey.get(TAGS.registeredAt) ?? 0),
  }
}

/**
 * Versions of the registered model `name`. MLflow numbers them; which version of ours one is, is in its tags. Numbers only grow,
 * so of two that were registered at once the lower one counts, for everybody and for ever, and the other is deleted.
 */
export function createVersions(mlflow: Mlflow, name: string) {
  const post = (path: string, body: object) => mlflow.must(path, Nothing, { method: 'POST', body })

  /** All that count, in order of their numbers. */
  const numbered = async (): Promise<readonly Numbered[]> => {
    const found = new Map<string, Numbered>()
    let token: string | undefined
    do {
      const query = { filter: `name = ${quoted(name)}`, order_by: 'version_number ASC', max_results: '1000' }
      const page: z.infer<typeof Versions> = await mlflow.must('mlflow/model-versions/search', Versions, {
        query: token === undefined ? query : { ...query, page_token: token },
      })
      for (const each of page.model_versions) {
        const version = toVersion(each)
        if (version === null) continue
        const known = found.get(version.modelVersion)
        if (known === undefined || version.number < known.number) found.set(version.modelVersion, version)
      }
      token = page.next_page_token
    } while (token !== undefined && token !== '')
    return [...found.values()].sort((a, b) => a.number - b.number)
  }

  const find = async (modelVersion: string): Promise<Numbered> => {
    const found = (await numbered()).find((each) => each.modelVersion === modelVersion)
    if (found !== undefined) return found
    throw new AppError('model-not-found', `No model version ${modelVersion} is registered.`)
  }

  return {
    /** `run`: MLflow's id of the run, where there is one; its page and that of the version are linked then. */
    async register(version: RegisteredVersion, run: string | null): Promise<void> {
      const { modelVersion, runId, manifest, tags, registeredAt } = version
      if ((await numbered()).some((each) => each.modelVersion === modelVersion)) return
      await mlflow.call('mlflow/registered-models/create', z.object({}), {
        method: 'POST',
        body: { name, description: 'Models of Pairstream. The event log decides what is released; aliases follow it.' },
        tolerated: 'RESOURCE_ALREADY_EXISTS',
      })
      const own = { modelVersion, runId, manifest, registeredAt: String(registeredAt) }
      const created = await mlflow.must('mlflow/model-versions/create', Created, {
        method: 'POST',
        body: {
          name,
          source: `pairstream:/${encodeURI(manifest)}`,
          ...(run === null ? {} : { run_id: run }),
          description: modelVersion,
          tags: [
            ...Object.entries(TAGS).map(([field, key]) => ({ key, value: own[field as keyof typeof TAGS] })),
            ...Object.entries(tags).map(([key, value]) => ({ key: encodeName(key), value })),
          ],
        },
      })
      const { number } = await find(modelVersion)
      if (number === created.model_version.version) return
      const body = { name, version: String(created.model_version.version) }
      await mlflow.must('mlflow/model-versions/delete', Nothing, { method: 'DELETE', body })
    },
    async tag(modelVersion: string, tags: Readonly<Record<string, string>>): Promise<void> {
      const { number } = await find(modelVersion)
      for (const [key, value] of Object.entries(tags)) {
        await post('mlflow/model-versions/set-tag', { name, version: String(number), key: encodeName(key), value })
      }
    },
    async list(): Promise<readonly RegisteredVersion[]> {
      const found = [...(await numbered())].sort((a, b) => a.registeredAt - b.registeredAt || a.number - b.number)
      return found.map(({ modelVersion, runId, manifest, tags, registeredAt }) => ({
        modelVersion,
        runId,
        manifest,
        tags,
        registeredAt,
      }))
    },
    async setAlias(alias: string, modelVersion: string | null): Promise<void> {
      const path = 'mlflow/registered-models/alias'
      if (modelVersion === null) {
        const tolerated = 'RESOURCE_DOES_NOT_EXIST'
        await mlflow.call(path, Nothing, { method: 'DELETE', body: { name, alias }, tolerated })
      } else {
        const { number } = await find(modelVersion)
        await post(path, { name, alias, version: String(number) })
      }
    },
    async aliases(): Promise<Readonly<Record<string, string>>> {
      const query = { name }
      const found = await mlflow.call('mlflow/registered-models/get', Model, {
        query,
        tolerated: 'RESOURCE_DOES_NOT_EXIST',
      })
      const aliases = found?.registered_model.aliases ?? []
      if (aliases.length === 0) return {}
      const versions = new Map((await numbered()).map(({ number, modelVersion }) => [number, modelVersion]))
      const known = aliases.flatMap(({ alias, version }) => {
        const modelVersion = versions.get(version)
        return modelVersion === undefined ? [] : [[alias, modelVersion] as const]
      })
      return Object.fromEntries(known)
    },
  }
}
