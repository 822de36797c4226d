import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { GraphRecord } from './collection-records.ts'
import { createGraph, type Graph } from './graph.ts'
import type { IndexSettings } from './settings.ts'

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  await handle.sync().finally(() => handle.close())
}

async function digest(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      bytes += chunk.length
      hash.update(chunk)
    }
  })
  return { bytes, sha256: hash.digest('hex') }
}

/**
 * Writes the graph as it is now to `path` in one step and returns what to remember of it. Rejects when the disk is full: the graph
 * is a cache, so the caller may go on without a file.
 */
export async function saveGraph(graph: Graph, folder: string, path: string): Promise<Omit<GraphRecord, 'covers'>> {
  const temporary = `${path}.tmp`
  try {
    graph.save(temporary)
    const record = await digest(temporary)
    await syncPath(temporary)
    await rename(temporary, path)
    await syncPath(folder)
    return record
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/**
 * The graph in the file, or null when the file is missing or not the one that was recorded. Its hash is compared first, because
 * usearch trusts what it reads.
 */
export async function loadGraph(
  path: string,
  record: GraphRecord,
  dimension: number,
  settings: IndexSettings,
): Promise<Graph | null> {
  try {
    const { bytes, sha256 } = await digest(path)
    return bytes === record.bytes && sha256 === record.sha256 ? createGraph(dimension, settings, path) : null
  } catch {
    return null
  }
}
