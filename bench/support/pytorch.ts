import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** The same training in PyTorch, in a process of its own. */
export type PyTorch = {
  /** Of the first steps. */
  readonly losses: readonly number[]
  /** Seconds that each of further steps took. */
  run(steps: number): Promise<readonly number[]>
  close(): void
}

/** Starts the peer with `python`, which must have PyTorch and NumPy; `order` is what the script says that it reads. */
export async function openPyTorch(python: string, order: unknown): Promise<PyTorch> {
  const child = spawn(python, [join(import.meta.dirname, 'pytorch-peer.py')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const failed = Promise.race([
    once(child, 'error').then((failure: unknown[]) => String(failure[0])),
    once(child, 'exit').then((ending: unknown[]) => `it ended with status ${String(ending[0])}`),
  ]).then((why): never => {
    throw new Error(`${python} cannot run the peer (${why}); name a Python with PyTorch and NumPy: --python COMMAND.`)
  })
  failed.catch(() => undefined)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ask = async (question: unknown): Promise<unknown> => {
    child.stdin.write(`${JSON.stringify(question)}\n`)
    const line: IteratorResult<string, undefined> = await Promise.race([lines.next(), failed])
    return JSON.parse(line.value ?? '')
  }
  const { losses } = (await ask(order)) as { losses: number[] }
  return {
    losses,
    run: async (steps) => ((await ask({ steps })) as { seconds: number[] }).seconds,
    close: () => void child.kill(),
  }
}
