import { cpus, totalmem } from 'node:os'

/** What was measured on, in one line. */
export function machine(): string {
  const [first] = cpus()
  const model = first?.model.trim() ?? 'unknown processor'
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${model}, ${cpus().length} cores, ${memory} GiB, Node.js ${process.versions.node}, ${process.platform} ${process.arch}`
}

const startedAt = performance.now()

/** A line that says how far the benchmark is, with the seconds since its start; on standard error, beside the figures. */
export const progress = (text: string): void =>
  void process.stderr.write(`${((performance.now() - startedAt) / 1_000).toFixed(0).padStart(4)} s  ${text}\n`)
