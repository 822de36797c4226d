import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { poolRegions, regionsOf, sizeOfRegions, unmirrored } from '../../src/models/regions.ts'

describe('regions of a feature map', () => {
  it('are means over spans that overlap where places cannot be shared out evenly', () => {
    // Places 0 to 6 of one row: spans 0-2, 2-4 and 4-6, as AdaptiveAvgPool2d has them.
    const grid = { rows: 1, columns: 7 }
    const pooled = poolRegions(Float32Array.of(0, 1, 2, 3, 4, 5, 60), grid, regionsOf(grid, 1, 3))
    expect([...pooled]).toEqual([1, 3, 23])
  })

  it('are the places themselves where there are as few', () => {
    const grid = { rows: 2, columns: 3 }
    const map = Float32Array.from({ length: 12 }, (_, i) => i * i)
    const regions = regionsOf(grid, 2, 5)
    expect(regions).toEqual({ rows: 2, columns: 3, width: 2 })
    expect(poolRegions(map, grid, regions)).toEqual(map)
  })

  it('of a mirrored map, put back, are those of the map', () => {
    const sides = fc.integer({ min: 1, max: 9 })
    fc.assert(
      fc.property(sides, sides, sides, fc.integer({ min: 1, max: 3 }), (rows, columns, side, width) => {
        const grid = { rows, columns }
        const regions = regionsOf(grid, width, side)
        const valueAt = (row: number, column: number, i: number) => Math.sin(row * 31 + column * 7 + i)
        const mapWith = (columnOf: (column: number) => number) =>
          Float32Array.from({ length: rows * columns * width }, (_, at) => {
            const place = Math.floor(at / width)
            return valueAt(Math.floor(place / columns), columnOf(place % columns), at % width)
          })
        const rowOf = (map: Float32Array) => Float32Array.of(5, 6, ...poolRegions(map, grid, regions))
        const plain = rowOf(mapWith((column) => column))
        const turned = unmirrored(rowOf(mapWith((column) => columns - 1 - column)), regions)
        expect(turned).toHaveLength(2 + sizeOfRegions(regions))
        for (const [i, value] of plain.entries()) expect(turned[i]).toBeCloseTo(value, 5)
      }),
    )
  })
})
