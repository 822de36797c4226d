import { AssignerProtocol } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import {
  askToJoin,
  decodeMember,
  encodeMember,
  type GroupCoordinator,
} from '../../../../src/adapters/event-log/kafka/group-protocol.ts'
import { brokerThatAnswers, createEncoder } from './kafkajs-protocol.ts'

describe('what a member says of itself', () => {
  it('is what it holds, and since when', () => {
    const owned = [{ topic: 'pairs', partition: 3 }]
    expect(decodeMember('me', encodeMember(['pairs'], owned, 7))).toEqual({
      id: 'me',
      topics: ['pairs'],
      owned,
      generation: 7,
    })
  })

  it.each([
    '',
    'null',
    '{}',
    '[]',
    '7',
    '{"generation":1}',
    '{"generation":"1","owned":[]}',
    '{"generation":1,"owned":[null]}',
    '{"generation":1,"owned":[["pairs"]]}',
    '{"generation":1,"owned":{"pairs":0}}',
  ])('is nothing where it is not sensible: %s', (said) => {
    const metadata = AssignerProtocol.MemberMetadata.encode({
      version: 0,
      topics: ['pairs'],
      userData: Buffer.from(said),
    })
    expect(decodeMember('me', metadata)).toEqual({ id: 'me', topics: ['pairs'], owned: [], generation: -1 })
  })
})

it('tells a new member its id before it has joined under it', async () => {
  const MEMBER_ID_REQUIRED = 79
  const answer = (error: number, generation: number) =>
    createEncoder()
      .writeInt32(0)
      .writeInt16(error)
      .writeInt32(generation)
      .writeString('')
      .writeString('me')
      .writeString('me')
      .writeInt32(0).buffer
  const answers = [answer(MEMBER_ID_REQUIRED, -1), answer(0, 4)]
  const coordinator = brokerThatAnswers(11, ...answers) as GroupCoordinator
  const request = { groupId: 'readers', sessionTimeout: 1_000, rebalanceTimeout: 1_000, groupProtocols: [] }
  expect(await askToJoin(coordinator, { ...request, memberId: '' })).toMatchObject({ memberId: 'me', generationId: -1 })
  expect(await askToJoin(coordinator, { ...request, memberId: 'me' })).toMatchObject({ generationId: 4 })
})
