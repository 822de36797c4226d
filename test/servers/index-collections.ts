const key = (): string => process.env['QDRANT_API_KEY'] ?? ''

/** The setting that hands the key of a Qdrant that asks for one to whoever talks to it; none without such a key. */
export const qdrantKey = (): Readonly<Record<string, string>> => (key() === '' ? {} : { QDRANT_API_KEY: key() })

/**
 * Deletes the collections whose names begin so, with their snapshots: a server that outlives the tests would keep ever more. Does nothing
 * where no server answers, which has taken them with it.
 */
export async function dropCollections(index: string, prefix: string): Promise<void> {
  const ask = async <R>(path: string, method = 'GET'): Promise<R> => {
    const response = await fetch(`${index}/collections${path}`, { method, headers: { 'api-key': key() } })
    if (!response.ok) throw new Error(`The index answered ${response.status} to ${method} of /collections${path}.`)
    return ((await response.json()) as { result: R }).result
  }
  const listed = await ask<{ collections: readonly { name: string }[] }>('').catch((error: unknown) => {
    if (error instanceof TypeError) return { collections: [] }
    throw error
  })
  for (const { name } of listed.collections) {
    if (!name.startsWith(prefix)) continue
    const snapshots = await ask<readonly { name: string }[]>(`/${name}/snapshots`)
    for (const snapshot of snapshots) await ask(`/${name}/snapshots/${snapshot.name}`, 'DELETE')
    await ask(`/${name}`, 'DELETE')
  }
}
