import { readFile } from 'node:fs/promises'

/** The most memory that a process has had resident so far, in bytes (`VmHWM` of proc(5), Linux only); null once it has ended. */
async function peakResident(pid: number): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]
  return kilobytes === undefined ? null : Number(kilobytes) * 1_024
}

/** The peaks of processes that have to run, in bytes, by name. Throws where one has ended: it may have been killed for its memory. */
export async function peaksOf<Name extends string>(pids: ReadonlyMap<Name, number>): Promise<Map<Name, number>> {
  const peaks = new Map<Name, number>()
  for (const [name, pid] of pids) {
    const peak = await peakResident(pid)
    if (peak === null) throw new Error(`The process of ${name} has ended; there is nothing to measure.`)
    peaks.set(name, peak)
  }
  return peaks
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
    for (const child of await childrenOf(pid)) greatest = Math.max(greatest, (await peakResident(child)) ?? 0)
  }
  const timer = setInterval(() => void look(), 200)
  return {
    stop(): number {
      clearInterval(timer)
      return greatest
    },
  }
}
