/** Cells of a picture, row by row, `width` numbers each; in a row of features they stand behind those of the whole picture. */
export type Regions = { readonly rows: number; readonly columns: number; readonly width: number }

/** The places of a feature map. */
export type Grid = { readonly rows: number; readonly columns: number }

/** The numbers that the regions of a picture take. */
export const sizeOfRegions = ({ rows, columns, width }: Regions): number => rows * columns * width

/** A grid brought to `side` cells each way at most; a smaller one stays as it is. */
export const regionsOf = ({ rows, columns }: Grid, width: number, side: number): Regions => ({
  rows: Math.min(side, rows),
  columns: Math.min(side, columns),
  width,
})

/** From where up to where a cell reaches: cells cover all places, and overlap where these cannot be shared out evenly. */
const span = (cell: number, cells: number, places: number): readonly [number, number] => [
  Math.floor((cell * places) / cells),
  Math.ceil(((cell + 1) * places) / cells),
]

/** The means over the cells of a feature map [places, width], by the spans of PyTorch's `AdaptiveAvgPool2d`: [cells, width]. */
export function poolRegions(map: Float32Array, grid: Grid, { rows, columns, width }: Regions): Float32Array {
  const pooled = new Float32Array(rows * columns * width)
  for (let cell = 0; cell < rows * columns; cell++) {
    const [top, bottom] = span(Math.floor(cell / columns), rows, grid.rows)
    const [left, right] = span(cell % columns, columns, grid.columns)
    const share = 1 / ((bottom - top) * (right - left))
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        const from = (y * grid.columns + x) * width
        for (let i = 0; i < width; i++) {
          const at = cell * width + i
          pooled[at] = (pooled[at] as number) + (map[from + i] as number) * share
        }
      }
    }
  }
  return pooled
}

/**
 * The features of a mirrored picture with its regions where they are in the picture itself, so that the averages over both are those of the
 * same places.
 */
export function unmirrored(features: Float32Array, regions: Regions): Float32Array {
  const { rows, columns, width } = regions
  const first = features.length - sizeOfRegions(regions)
  const turned = features.slice()
  for (let cell = 0; cell < rows * columns; cell++) {
    const column = cell % columns
    const from = first + (cell - column + (columns - 1 - column)) * width
    turned.set(features.subarray(from, from + width), first + cell * width)
  }
  return turned
}
