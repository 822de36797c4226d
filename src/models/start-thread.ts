import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

/**
 * Starts a program of this package, named without its extension beside `base`, on a thread. Run from source, the program needs the
 * loader of TypeScript with which this process was started: Node.js 20 does not hand loaders on to threads.
 */
export function startThread(name: string, base: string, workerData: unknown): Worker {
  const program = new URL(`./${name}${extname(base)}`, base)
  if (extname(base) !== '.ts') return new Worker(program, { workerData })
  const loader = import.meta.resolve('tsx/esm/api')
  const code = `import { register } from '${loader}'; register(); await import('${program.href}')`
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData, execArgv: [] })
}
