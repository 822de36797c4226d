import type { GraphBuilder } from './onnx/graph.ts'

/** Width and height of the pictures that the built-in filters see. */
export const BUILT_IN_SIDE = 64
/** The grid on which places are told apart has this many cells a side. */
export const CELLS = 4
/** Keeps roots and quotients of nothing finite. */
export const SMALL = 1e-6

/** A value with the number of features it holds a picture. Their sizes differ: heads standardise what they are given. */
export type Block = { readonly value: string; readonly width: number }

/** The nodes that filters are written with, as functions from names of values to the name of their result. */
export function arithmetic(graph: GraphBuilder) {
  const scalar = (value: number): string => graph.initialiser(Float32Array.of(value), [])
  const operand = (value: string | number): string => (typeof value === 'number' ? scalar(value) : value)
  const binary = (operator: string) => (left: string | number, right: string | number) =>
    graph.node(operator, [operand(left), operand(right)])
  return {
    plus: binary('Add'),
    minus: binary('Sub'),
    times: binary('Mul'),
    over: binary('Div'),
    least: binary('Min'),
    root: (value: string) => graph.node('Sqrt', [value]),
    /** Mean over the picture, [batch, channels, 1, 1]. */
    mean: (value: string) => graph.node('ReduceMean', [value, graph.integers([2, 3])], { keepdims: 1 }),
    highest: (value: string) => graph.node('ReduceMax', [value, graph.integers([2, 3])], { keepdims: 1 }),
    /** The largest value nearby. */
    grow: (value: string) =>
      graph.node('MaxPool', [value], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1] }),
    cells: (value: string) => {
      const side = BUILT_IN_SIDE / CELLS
      return graph.node('AveragePool', [value], { kernel_shape: [side, side], strides: [side, side] })
    },
    smooth: (value: string) =>
      graph.node('AveragePool', [value], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1] }),
  }
}
