import { describe, expect, it } from 'vitest'
import { translate } from '../../../../src/adapters/event-log/kafka/failures.ts'
import { deleteOnceEmpty } from '../../../../src/adapters/event-log/kafka/groups.ts'

/** Answers as kafkajs puts it: one error a group, in the order given; then it deletes. */
function refusingAdmin(...types: readonly { readonly type: string; readonly retriable: boolean }[]) {
  const toCome = [...types]
  let calls = 0
  const deleteGroups = async ([groupId = '']: string[]) => {
    calls++
    const refusal = toCome.shift()
    if (refusal === undefined) return [{ groupId }]
    const error = Object.assign(new Error(refusal.type), refusal)
    throw Object.assign(new Error('Error in DeleteGroups'), { groups: [{ groupId, errorCode: 1, error }] })
  }
  return { admin: { deleteGroups }, calls: () => calls }
}

describe('the deletion of a group', () => {
  it('says that the user may not, rather than that there are members', async () => {
    const { admin, calls } = refusingAdmin({ type: 'GROUP_AUTHORIZATION_FAILED', retriable: false })
    const error: unknown = await deleteOnceEmpty(admin, 'readers').catch((reason: unknown) => reason)
    expect(translate(error)).toMatchObject({
      code: 'configuration-invalid',
      message: expect.stringContaining('as this user') as string,
    })
    expect(calls()).toBe(1)
  })

  it('asks again while the coordinator moves or members leave', async () => {
    const { admin, calls } = refusingAdmin(
      { type: 'NOT_COORDINATOR_FOR_GROUP', retriable: true },
      { type: 'NON_EMPTY_GROUP', retriable: false },
    )
    await deleteOnceEmpty(admin, 'readers')
    expect(calls()).toBe(3)
  })

  it('takes a group that is gone for deleted', async () => {
    const { admin, calls } = refusingAdmin({ type: 'GROUP_ID_NOT_FOUND', retriable: false })
    await deleteOnceEmpty(admin, 'readers')
    expect(calls()).toBe(1)
  })
})
