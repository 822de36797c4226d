import type { Encoding } from './special-tokens.ts'

type Ids = { readonly data: BigInt64Array; readonly shape: readonly [number, number] }

/** Rows of ids of one length, as transformers in ONNX take them: int64 [rows, length] each. */
export type TokenBatch = {
  readonly input_ids: Ids
  /** 1 where a row has an id, 0 where it is padding. */
  readonly attention_mask: Ids
  readonly token_type_ids: Ids
}

/** Encodings as one batch, filled at the end to `length`, or to the longest of them. */
export function tokenBatch(encodings: readonly Encoding[], paddingId: number, length?: number): TokenBatch {
  const columns = length ?? Math.max(1, ...encodings.map(({ ids }) => ids.length))
  const shape = [encodings.length, columns] as const
  const filled = (value: number): Ids => ({ data: new BigInt64Array(shape[0] * columns).fill(BigInt(value)), shape })
  const batch = { input_ids: filled(paddingId), attention_mask: filled(0), token_type_ids: filled(0) }
  encodings.forEach(({ ids, segments }, row) => {
    for (let column = 0; column < Math.min(columns, ids.length); column++) {
      const place = row * columns + column
      batch.input_ids.data[place] = BigInt(ids[column] ?? paddingId)
      batch.attention_mask.data[place] = 1n
      batch.token_type_ids.data[place] = BigInt(segments[column] ?? 0)
    }
  })
  return batch
}
