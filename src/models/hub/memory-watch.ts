import { parentPort, workerData } from 'node:worker_threads'

/** The program of a thread that ends its process, native code and all, once that has more memory than it may have. */

const OFTEN = 10
const { memory } = workerData as { readonly memory: number }

setInterval(() => {
  if (process.memoryUsage.rss() > memory) process.kill(process.pid, 'SIGKILL')
}, OFTEN)
parentPort?.postMessage('watching')
