import { z } from 'zod'
import { AppError } from '../core/errors.ts'
import { sha256Hex } from '../core/ids.ts'

/** A file below the model's folder; nothing that could lead outside of it. */
const path = z.string().regex(/^(?!.*(^|\/)\.)[\w.-]+(\/[\w.-]+)*$/)
const digest = z.string().regex(/^[0-9a-f]{64}$/)

const schema = z.looseObject({
  modelVersion: z.string().regex(/^[\w.-]+$/),
  files: z.array(z.object({ path, sha256: digest, bytes: z.number().int().nonnegative() })).min(1),
})

/** A model version as a list of its files by content; further fields say where it came from. */
export type ModelManifest = z.infer<typeof schema>
export type ManifestFile = ModelManifest['files'][number]

/** The bytes of a manifest and the blob key that they yield. */
export function encodeManifest(manifest: ModelManifest): { readonly key: string; readonly bytes: Uint8Array } {
  const bytes = new TextEncoder().encode(`${JSON.stringify(schema.parse(manifest), null, 1)}\n`)
  return { key: `manifests/${sha256Hex(bytes)}.json`, bytes }
}

/** Reads what `encodeManifest` wrote. Throws `model-corrupt` unless the bytes are those that the key names. */
export function decodeManifest(key: string, bytes: Uint8Array): ModelManifest {
  if (key !== `manifests/${sha256Hex(bytes)}.json`) {
    throw new AppError('model-corrupt', `The manifest ${key} is damaged; restore it from a copy of the blob store.`)
  }
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(bytes)))
  } catch (cause) {
    throw new AppError('model-corrupt', `The manifest ${key} does not describe a model.`, { cause })
  }
}
