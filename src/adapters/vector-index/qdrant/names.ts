import { collectionPrefix } from '../../../core/collection-prefix.ts'
import { AppError } from '../../../core/errors.ts'
import { pointKinds, type PointKind } from '../../../ports/vector-index.ts'
import { checkGeneration } from '../input.ts'

export type CollectionName = { readonly generation: string; readonly kind: PointKind }

export interface QdrantNames {
  /** `images_g7-1f0c9a2e`, behind the prefix. Throws `generation-not-found` for what cannot be a generation. */
  collection(generation: string, kind: PointKind): string
  /** What a collection is called after, or null for one that is not ours. */
  parsed(collection: string): CollectionName | null
  /**
   * The alias that outside readers follow. It names the image collection and with it the generation, from which they take the caption
   * collection: two aliases would be switched one after the other.
   */
  readonly alias: string
}

/** Throws `configuration-invalid` for a prefix that collides with the names themselves. */
export function createQdrantNames(prefix: string): QdrantNames {
  if (!collectionPrefix.pattern.test(prefix))
    throw new AppError('configuration-invalid', `The prefix of collections ${collectionPrefix.rule}.`)
  return {
    collection(generation, kind) {
      try {
        checkGeneration(generation)
      } catch (cause) {
        throw new AppError('generation-not-found', 'The index has no generation of this name.', { cause })
      }
      return `${prefix}${kind}_${generation}`
    },
    parsed(collection) {
      for (const kind of pointKinds) {
        const start = `${prefix}${kind}_`
        if (collection.startsWith(start)) return { generation: collection.slice(start.length), kind }
      }
      return null
    },
    alias: `${prefix}serving`,
  }
}
