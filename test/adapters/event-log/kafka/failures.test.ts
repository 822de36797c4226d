import { describe, expect, it } from 'vitest'
import { mayPass, translate } from '../../../../src/adapters/event-log/kafka/failures.ts'
import { AppError } from '../../../../src/core/errors.ts'

const answer = (type: string, retriable = false) => Object.assign(new Error(type), { type, retriable })

describe('what kafkajs throws', () => {
  it('names the setting where the brokers do not take the session timeout', () => {
    expect(translate(answer('INVALID_SESSION_TIMEOUT'))).toMatchObject({
      code: 'configuration-invalid',
      message: expect.stringMatching(/KAFKA_SESSION_SECONDS(?!.*user)/) as string,
    })
  })

  it('is a refused user where it is one, also within what a retried request failed with', () => {
    const wrapped = new Error('given up', { cause: answer('TOPIC_AUTHORIZATION_FAILED') })
    expect(translate(wrapped)).toMatchObject({ code: 'configuration-invalid' })
  })

  it.each([
    ['a closed connection', new Error('Closed connection'), true],
    ['a leader that moved', answer('NOT_LEADER_FOR_PARTITION', true), true],
    ['too few replicas in sync', answer('NOT_ENOUGH_REPLICAS', true), true],
    ['a lost sequence', answer('OUT_OF_ORDER_SEQUENCE_NUMBER'), false],
    ['a refused user', answer('CLUSTER_AUTHORIZATION_FAILED'), false],
    ['a log that is closed', new AppError('log-unavailable', 'The log is closed.'), false],
  ])('may pass or not: %s', (_, error, expected) => {
    expect(mayPass(error)).toBe(expected)
  })
})
