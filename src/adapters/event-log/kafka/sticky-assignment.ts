/** A partition of a topic, by its full name. */
export type OwnedPartition = { readonly topic: string; readonly partition: number }

export type Member = {
  readonly id: string
  readonly topics: readonly string[]
  /** What it held when it asked to join. */
  readonly owned: readonly OwnedPartition[]
  /** The generation of the group in which it was given that: the newer claim to a partition wins. */
  readonly generation: number
}

const keyOf = ({ topic, partition }: OwnedPartition): string => `${topic}/${partition}`

/**
 * Shares partitions out evenly (no member has two more than another), while each keeps as much of what it holds as its share
 * allows: who is at work goes on. A pure function, as every member must be able to lead the group.
 */
export function assignPartitions(
  members: readonly Member[],
  partitions: readonly OwnedPartition[],
): ReadonlyMap<string, readonly OwnedPartition[]> {
  const given = new Map<string, OwnedPartition[]>(members.map(({ id }) => [id, []]))
  const wanted = new Map(partitions.map((partition) => [keyOf(partition), partition]))
  const sharePerMember = Math.floor(wanted.size / Math.max(members.length, 1))
  let largerShares = wanted.size % Math.max(members.length, 1)

  const give = (id: string, partition: OwnedPartition): void => {
    given.get(id)?.push(partition)
    wanted.delete(keyOf(partition))
  }

  const claims = new Map<string, Member>()
  for (const member of members) {
    for (const partition of member.owned) {
      const rival = claims.get(keyOf(partition))
      if (rival === undefined || rival.generation < member.generation) claims.set(keyOf(partition), member)
    }
  }
  const held = (member: Member): OwnedPartition[] =>
    member.owned.filter(
      (partition) =>
        claims.get(keyOf(partition)) === member &&
        wanted.has(keyOf(partition)) &&
        member.topics.includes(partition.topic),
    )

  // Those who hold most keep the larger shares, so that fewest partitions move; ids make the order the same everywhere.
  const byHoldings = members
    .map((member) => ({ id: member.id, held: held(member) }))
    .sort((a, b) => b.held.length - a.held.length || (a.id < b.id ? -1 : 1))
  for (const { id, held: holdings } of byHoldings) {
    const share = sharePerMember + (holdings.length > sharePerMember && largerShares > 0 ? 1 : 0)
    if (share > sharePerMember) largerShares--
    for (const partition of holdings.slice(0, share)) give(id, partition)
  }

  for (const partition of [...wanted.values()]) {
    const takers = members.filter(({ topics }) => topics.includes(partition.topic))
    const [poorest] = takers.sort(
      (a, b) => (given.get(a.id)?.length ?? 0) - (given.get(b.id)?.length ?? 0) || (a.id < b.id ? -1 : 1),
    )
    if (poorest !== undefined) give(poorest.id, partition)
  }
  return given
}
