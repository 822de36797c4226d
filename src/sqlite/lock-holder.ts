import { readFile, stat } from 'node:fs/promises'

/**
 * Who holds a lock on a file, as `4711 (node src/cli.ts serve)`; null where the system does not tell. Linux lists its locks in
 * /proc/locks by device and inode (proc_locks(5)), with the process of each that this one may see.
 */
export async function lockHolder(path: string): Promise<string | null> {
  try {
    const { ino } = await stat(path)
    const locks = (await readFile('/proc/locks', 'utf8')).split('\n')
    // `1: POSIX  ADVISORY  WRITE 4711 fe:00:10002998 0 EOF`; a device's numbers are written differently elsewhere, inodes are not.
    const held = locks
      .map((line) => line.trim().split(/\s+/))
      .find(([, , , mode, , file]) => mode === 'WRITE' && file?.split(':')[2] === String(ino))
    const id = held?.[4]
    if (id === undefined || id === String(process.pid) || !(Number(id) > 0)) return null
    const command = await readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')
    const words = command.split('\0').filter((word) => word !== '')
    return words.length === 0 ? id : `${id} (${words.join(' ')})`
  } catch {
    return null
  }
}
