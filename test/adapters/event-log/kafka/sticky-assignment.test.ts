import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeMember, encodeMember } from '../../../../src/adapters/event-log/kafka/group-protocol.ts'
import { assignPartitions, type Member } from '../../../../src/adapters/event-log/kafka/sticky-assignment.ts'

const partitionsOf = (topic: string, count: number) =>
  Array.from({ length: count }, (_, partition) => ({ topic, partition }))
const newcomer = (id: string): Member => ({ id, topics: ['pairs'], owned: [], generation: -1 })
const names = (partitions: readonly { topic: string; partition: number }[] | undefined) =>
  (partitions ?? []).map(({ topic, partition }) => `${topic}/${partition}`)

describe('the sticky assignment', () => {
  it('leaves the only partition with the member that is at work on it, whatever the ids', () => {
    const trainer: Member = { ...newcomer('z'), owned: partitionsOf('pairs', 1), generation: 3 }
    const shares = assignPartitions([newcomer('a'), trainer], partitionsOf('pairs', 1))
    expect(names(shares.get('z'))).toEqual(['pairs/0'])
    expect(names(shares.get('a'))).toEqual([])
  })

  it('moves no more partitions than a newcomer needs', () => {
    const worker: Member = { ...newcomer('a'), owned: partitionsOf('pairs', 12), generation: 1 }
    const shares = assignPartitions([worker, newcomer('b')], partitionsOf('pairs', 12))
    expect(names(shares.get('a'))).toEqual(names(worker.owned.slice(0, 6)))
    expect(shares.get('b')).toHaveLength(6)
  })

  it('believes the newer of two that claim the same partition', () => {
    const [one, two] = ['a', 'b'].map((id, generation): Member => ({
      ...newcomer(id),
      owned: partitionsOf('pairs', 1),
      generation,
    }))
    const shares = assignPartitions(
      [one, two].flatMap((member) => member ?? []),
      partitionsOf('pairs', 1),
    )
    expect(names(shares.get('b'))).toEqual(['pairs/0'])
  })

  it('gives a topic only to members that read it', () => {
    const other: Member = { ...newcomer('a'), topics: ['releases'] }
    const shares = assignPartitions([other, newcomer('b')], partitionsOf('pairs', 3))
    expect(shares.get('a')).toEqual([])
    expect(shares.get('b')).toHaveLength(3)
  })

  it('gives every partition to exactly one member, evenly, and takes none that a member may keep', () => {
    const membersOf = fc.uniqueArray(
      fc.record({ id: fc.string(), owned: fc.uniqueArray(fc.nat({ max: 14 })), generation: fc.nat({ max: 3 }) }),
      { selector: ({ id }) => id, minLength: 1, maxLength: 6 },
    )
    fc.assert(
      fc.property(membersOf, fc.nat({ max: 12 }), (drawn, count) => {
        const members = drawn.map(({ owned, ...rest }): Member => ({
          ...rest,
          topics: ['pairs'],
          owned: owned.map((partition) => ({ topic: 'pairs', partition })),
        }))
        const shares = assignPartitions(members, partitionsOf('pairs', count))
        const given = [...shares.values()].flatMap(names)
        expect(given.toSorted()).toEqual(names(partitionsOf('pairs', count)).toSorted())
        const sizes = [...shares.values()].map(({ length }) => length)
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
        for (const { id, owned } of members) {
          const uncontested = names(owned).filter(
            (name) =>
              given.includes(name) && members.every((other) => other.id === id || !names(other.owned).includes(name)),
          )
          const kept = names(shares.get(id)).filter((name) => names(owned).includes(name))
          expect(kept.length).toBeGreaterThanOrEqual(Math.min(uncontested.length, Math.floor(count / members.length)))
        }
      }),
    )
  })
})

describe('what members say of themselves', () => {
  it('comes back as it was', () => {
    const owned = partitionsOf('pairs', 2)
    expect(decodeMember('a', encodeMember(['pairs'], owned, 7))).toEqual({
      id: 'a',
      topics: ['pairs'],
      owned,
      generation: 7,
    })
  })
})
