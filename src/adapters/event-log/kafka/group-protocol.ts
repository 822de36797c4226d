import { AssignerProtocol, type Broker } from 'kafkajs'
import type { Member, OwnedPartition } from './sticky-assignment.ts'

export const PROTOCOL_NAME = 'pairstream-sticky'
const PROTOCOL_VERSION = 0

/** Requests of group members, which kafkajs' brokers take but its types leave out. */
export type GroupCoordinator = Broker & {
  joinGroup(request: {
    groupId: string
    sessionTimeout: number
    rebalanceTimeout: number
    memberId: string
    groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[]
  }): Promise<JoinedGroup>
  syncGroup(request: {
    groupId: string
    generationId: number
    memberId: string
    groupAssignment: readonly { readonly memberId: string; readonly memberAssignment: Buffer }[]
  }): Promise<{ readonly memberAssignment: Buffer }>
  heartbeat(request: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>
}

export type JoinedGroup = {
  readonly generationId: number
  readonly leaderId: string
  readonly memberId: string
  /** Of all members; the leader alone is told. */
  readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[]
}

type Holdings = {
  readonly generation: number
  readonly owned: readonly (readonly [topic: string, partition: number])[]
}

/** What a member says of itself when it joins. */
export function encodeMember(topics: readonly string[], owned: readonly OwnedPartition[], generation: number): Buffer {
  const holdings: Holdings = { generation, owned: owned.map(({ topic, partition }) => [topic, partition]) }
  const userData = Buffer.from(JSON.stringify(holdings))
  return AssignerProtocol.MemberMetadata.encode({ version: PROTOCOL_VERSION, topics: [...topics], userData })
}

export function decodeMember(id: string, metadata: Buffer): Member {
  const decoded = AssignerProtocol.MemberMetadata.decode(metadata)
  const { generation, owned } = readHoldings(decoded?.userData)
  return {
    id,
    topics: decoded?.topics ?? [],
    owned: owned.map(([topic, partition]) => ({ topic, partition })),
    generation,
  }
}

/** A member that says nothing sensible holds nothing. */
function readHoldings(userData: Buffer | undefined): Holdings {
  try {
    return JSON.parse(userData?.toString() ?? '') as Holdings
  } catch {
    return { generation: -1, owned: [] }
  }
}

export function encodeAssignment(partitions: readonly OwnedPartition[]): Buffer {
  const assignment: Record<string, number[]> = {}
  for (const { topic, partition } of partitions) (assignment[topic] ??= []).push(partition)
  return AssignerProtocol.MemberAssignment.encode({ version: PROTOCOL_VERSION, assignment, userData: Buffer.alloc(0) })
}

export function decodeAssignment(bytes: Buffer): OwnedPartition[] {
  const assignment = AssignerProtocol.MemberAssignment.decode(bytes)?.assignment ?? {}
  return Object.entries(assignment).flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition })),
  )
}
