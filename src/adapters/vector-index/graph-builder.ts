import { createGraph, type Graph } from './graph.ts'
import type { IndexSettings } from './settings.ts'
import type { VectorTable } from './vector-table.ts'

/** How long the event loop is held for adding points before it may do something else. */
const SLICE_MILLISECONDS = 8

/** A graph with this share of points that are gone is made anew. */
const DEAD_SHARE = 0.2

/**
 * Keeps a graph over a table up to date in the background. Points not yet in the graph are `pending`, for the searcher to compare
 * one by one: so a point can be found at once, and a graph that is being built holds nobody up.
 */
interface GraphBuilder {
  graph(): Graph
  /** The points of the table that are not in the graph, lowest number first. */
  pending(): ReadonlySet<number>
  /** Points that came into the table, in order of their numbers. */
  added(numbers: Iterable<number>): void
  /** A point that has left the table. */
  removed(number: number): void
  /** Every point of the table up to this number is in the graph. */
  covers(): number
  /** Resolves when nothing is pending, or the builder was stopped. */
  settled(): Promise<void>
  stop(): void
}

type GraphBuilderOptions = {
  readonly table: VectorTable
  readonly dimension: number
  readonly settings: IndexSettings
  /** A graph to go on from, and up to which number it is complete. */
  readonly from: { readonly graph: Graph; readonly covers: number } | null
  /** Called after each time everything pending has been added. */
  readonly onSettled: () => void
}

export function createGraphBuilder({ table, dimension, settings, from, onSettled }: GraphBuilderOptions): GraphBuilder {
  let graph = from?.graph ?? createGraph(dimension, settings)
  let covers = from?.covers ?? 0
  const inOrder = [...table.numbers()].sort((a, b) => a - b)
  const pending = new Set(inOrder.filter((number) => number > covers))
  let dead = graph.size() - (inOrder.length - pending.size)
  let scheduled: NodeJS.Immediate | null = null
  let stopped = false
  let waiting: (() => void)[] = []

  const release = (): void => {
    for (const resolve of waiting) resolve()
    waiting = []
  }

  const schedule = (): void => {
    if (scheduled !== null || stopped || pending.size === 0) return
    // A small collection is searched by comparing with every point; it needs no graph.
    if (table.size() > settings.scanBelow) scheduled = setImmediate(buildSlice)
    else release()
  }

  function buildSlice(): void {
    scheduled = null
    const deadline = performance.now() + SLICE_MILLISECONDS
    for (const number of pending) {
      const vector = table.vector(number)
      if (vector !== null && !graph.has(number)) graph.add(number, vector)
      pending.delete(number)
      covers = number
      if (performance.now() > deadline) break
    }
    if (pending.size > 0) {
      schedule()
    } else {
      onSettled()
      release()
    }
  }

  const remake = (): void => {
    pending.clear()
    graph = createGraph(dimension, settings)
    covers = 0
    dead = 0
    for (const number of [...table.numbers()].sort((a, b) => a - b)) pending.add(number)
    schedule()
  }

  const remakeWhenMostlyDead = (): void => {
    if (dead > graph.size() * DEAD_SHARE) remake()
  }

  remakeWhenMostlyDead()
  schedule()

  return {
    graph: () => graph,
    pending: () => pending,
    added(numbers) {
      for (const number of numbers) pending.add(number)
      schedule()
    },
    removed(number) {
      pending.delete(number)
      if (graph.has(number)) dead++
      remakeWhenMostlyDead()
    },
    covers: () => covers,
    settled: () => (scheduled === null ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    stop() {
      stopped = true
      if (scheduled !== null) clearImmediate(scheduled)
      scheduled = null
      release()
    },
  }
}
