import { AssignerProtocol, type Broker } from 'kafkajs'
import { z } from 'zod'
import { readingAnswers } from './broker-answers.ts'
import type { Member, OwnedPartition } from './sticky-assignment.ts'

export const PROTOCOL_NAME = 'pairstream-sticky'
const PROTOCOL_VERSION = 0

/** Requests of group members, which kafkajs' brokers take but its types leave out. */
export type GroupCoordinator = Broker & {
  joinGroup(request: JoinRequest): Promise<JoinedGroup>
  syncGroup(request: {
    groupId: string
    generationId: number
    memberId: string
    groupAssignment: readonly { readonly memberId: string; readonly memberAssignment: Buffer }[]
  }): Promise<{ readonly memberAssignment: Buffer }>
  heartbeat(request: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>
}

type JoinRequest = {
  readonly groupId: string
  readonly sessionTimeout: number
  readonly rebalanceTimeout: number
  readonly memberId: string
  readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[]
}

export type JoinedGroup = {
  /** -1 for who was given no more than an id. */
  readonly generationId: number
  readonly leaderId: string
  readonly memberId: string
  /** Of all members; the leader alone is told. */
  readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[]
}

const MEMBER_ID_REQUIRED = 79

/**
 * Asks to join. Resolves once the group is shared out anew, but for who has no id yet: at once, with an id to ask again under (KIP-394).
 * kafkajs asks again by itself, and does not tell the id before all have joined: nobody could leave under it until then.
 */
export function askToJoin(coordinator: GroupCoordinator, request: JoinRequest): Promise<JoinedGroup> {
  const telling = readingAnswers(coordinator, ({ response }) => ({
    decode: (bytes) => response.decode(bytes),
    parse: async (data) =>
      (data as { readonly errorCode: number }).errorCode === MEMBER_ID_REQUIRED ? data : response.parse(data),
  }))
  return (telling as GroupCoordinator).joinGroup(request)
}

const HoldingsSchema = z.object({ generation: z.int(), owned: z.array(z.tuple([z.string(), z.int()])) }).readonly()
type Holdings = z.infer<typeof HoldingsSchema>

/** What a member says of itself when it joins. */
export function encodeMember(topics: readonly string[], owned: readonly OwnedPartition[], generation: number): Buffer {
  const holdings: Holdings = { generation, owned: owned.map(({ topic, partition }) => [topic, partition]) }
  const userData = Buffer.from(JSON.stringify(holdings))
  return AssignerProtocol.MemberMetadata.encode({ version: PROTOCOL_VERSION, topics: [...topics], userData })
}

/** A member that says nothing sensible holds nothing: one that is wrong must not stop the group. */
export function decodeMember(id: string, metadata: Buffer): Member {
  const { topics, userData } = AssignerProtocol.MemberMetadata.decode(metadata) ?? { topics: [], userData: null }
  const { generation, owned } = readHoldings(userData)
  return { id, topics, owned: owned.map(([topic, partition]) => ({ topic, partition })), generation }
}

function readHoldings(userData: Buffer | null): Holdings {
  try {
    return HoldingsSchema.parse(JSON.parse(String(userData)))
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
