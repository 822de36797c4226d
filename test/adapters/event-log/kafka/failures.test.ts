import { describe, expect, it } from 'vitest'
import { mayPass, translate, translateWhileOpen } from '../../../../src/adapters/event-log/kafka/failures.ts'
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

  it('is no refused user where the broker did not answer one who signed in', () => {
    const words = 'SASL SCRAM SHA512 authentication failed: Request SaslAuthenticate(key: 36, version: 1) timed out'
    const error = Object.assign(new Error(words), { name: 'KafkaJSSASLAuthenticationError' })
    expect(translate(error)).toMatchObject({ code: 'log-unavailable' })
  })

  it('is waited for, also where it is a refusal, once the log is open', () => {
    expect(translateWhileOpen(answer('TOPIC_AUTHORIZATION_FAILED'))).toMatchObject({
      code: 'log-unavailable',
      message: expect.stringContaining('Kafka refuses') as string,
    })
    const invalid = new AppError('invalid-request', 'There is no such offset.')
    expect(translateWhileOpen(invalid)).toBe(invalid)
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
