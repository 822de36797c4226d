import { readFile } from 'node:fs/promises'

/** The most memory that a process has had resident so far, in bytes (`VmHWM` of proc(5), Linux only); 0 once it has ended. */
export async function peakResident(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024
}

/** The processes that a process' main thread has started and that are alive. */
async function childrenOf(pid: number): Promise<number[]> {
  const listed = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return listed.split(' ').filter(Boolean).map(Number)
}

/** Follows the peaks of the children of a process, which come and go; gives the greatest of one child in bytes. */
export function watchChildren(pid: number) {
  let greatest = 0
  const look = async (): Promise<void> => {
    for (const child of await childrenOf(pid)) greatest = Math.max(greatest, await peakResident(child))
  }
  const timer = setInterval(() => void look(), 200)
  return {
    stop(): number {
      clearInterval(timer)
      return greatest
    },
  }
}
