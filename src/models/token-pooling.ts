import { z } from 'zod'
import { AppError } from '../core/errors.ts'
import { readModelJson } from './model-config.ts'
import type { Grid } from './regions.ts'

/** The sides of the picture that a network sees, in pixels. */
export type PictureSize = { readonly width: number; readonly height: number }

/** Which tokens of a transformer make its features: their mean from `from` up to `to`. */
export type TokenPooling = { readonly from: number; readonly to: number }

const sides = z.union([z.number().int().positive(), z.array(z.number().int().positive()).length(2)])
const configuration = z.object({
  patch_size: sides.optional().catch(undefined),
  /** BEiT's way to say it, and that of PyTorch image models. */
  use_mean_pooling: z.boolean().optional().catch(undefined),
  global_pool: z.string().optional().catch(undefined),
})
export type TokenConfiguration = z.infer<typeof configuration>

/** More than a class token, a distillation token and sixteen registers stand before the patches nowhere. */
const MOST_LEADING_TOKENS = 18

/**
 * What a backbone's configuration says of its tokens; it lies as `backbone_config.json` within a model that was trained on it. Throws
 * `model-invalid` where it is not JSON.
 */
export async function readTokenConfiguration(folder: string): Promise<TokenConfiguration> {
  const optional = { optional: true }
  const value =
    (await readModelJson(folder, 'backbone_config.json', optional)) ??
    (await readModelJson(folder, 'config.json', optional))
  // Where one file describes a picture and a text network, each has a part of its own.
  const parts = z.looseObject({ vision_config: z.looseObject({}).optional() }).safeParse(value)
  return configuration.parse(parts.success ? (parts.data.vision_config ?? parts.data) : {})
}

/**
 * The class token, which leads, or the mean of the patches: what the configuration says; where it says nothing the class token, if there is
 * one. What stands before the patches is told from their number.
 */
export function tokenPooling(tokens: number, picture: PictureSize, config: TokenConfiguration): TokenPooling {
  const leading = leadingTokens(tokens, picture, config)
  const saysMean = config.use_mean_pooling === true || config.global_pool === 'avg'
  return leading === 0 || saysMean ? { from: leading, to: tokens } : { from: 0, to: 1 }
}

/** The patches behind the leading tokens, row by row. Throws `model-invalid` where they form no grid that could be told. */
export function patchGrid(
  tokens: number,
  picture: PictureSize,
  config: TokenConfiguration,
): Grid & { readonly from: number } {
  const found = patchesAmong(tokens, picture, config)
  // A square of patches is a guess that only a square picture bears out.
  const isLikely = config.patch_size !== undefined || picture.width === picture.height
  if (found !== undefined && isLikely) return { ...found, from: tokens - found.rows * found.columns }
  throw new AppError(
    'model-invalid',
    `A network of ${tokens} tokens a picture shows no grid of patches; write its patch_size into config.json.`,
  )
}

function leadingTokens(tokens: number, picture: PictureSize, config: TokenConfiguration): number {
  const found = patchesAmong(tokens, picture, config)
  return found === undefined ? 0 : tokens - found.rows * found.columns
}

function patchesAmong(
  tokens: number,
  { width, height }: PictureSize,
  { patch_size: patch }: TokenConfiguration,
): Grid | undefined {
  const [vertical = Infinity, horizontal = Infinity] = typeof patch === 'number' ? [patch, patch] : (patch ?? [])
  const side = Math.floor(Math.sqrt(tokens))
  const isPossible = ({ rows, columns }: Grid): boolean => {
    const count = rows * columns
    return count > 0 && count <= tokens && tokens - count <= MOST_LEADING_TOKENS
  }
  return [
    { rows: Math.floor(height / vertical), columns: Math.floor(width / horizontal) },
    { rows: side, columns: side },
  ].find(isPossible)
}
