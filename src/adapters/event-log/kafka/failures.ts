import { AppError } from '../../../core/errors.ts'

/** Answers of a broker that say that another one is to be asked, or this one later. */
const misdirected = new Set([
  'NOT_LEADER_FOR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
  'REPLICA_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
  'REQUEST_TIMED_OUT',
])

const refused = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'ILLEGAL_SASL_STATE',
])

/** What kafkajs says of a connection that is lost, or of an answer that does not come. */
const CONNECTION_LOST = /failed: (Closed connection|Connection |Not connected|Failed to connect|Request .* timed out)/

/** kafkajs makes the same error of all that goes wrong while a user signs in, and keeps of what it was only the words. */
const isSignInRefused = (cause: unknown): boolean =>
  cause instanceof Error && cause.name === 'KafkaJSSASLAuthenticationError' && !CONNECTION_LOST.test(cause.message)

/** The name of what a broker answered, such as `REBALANCE_IN_PROGRESS`; null for failures of another kind. */
export function answerOf(error: unknown): string | null {
  const original = causeOf(error)
  return original instanceof Error && 'type' in original && typeof original.type === 'string' ? original.type : null
}

/** kafkajs wraps what a retried request failed with. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? causeOf(error.cause) : error
}

/** Whether the connection, or what it knows of the cluster, is no good any more. */
export function isConnectionFailure(error: unknown): boolean {
  const answer = answerOf(error)
  return answer === null ? !(error instanceof AppError) : misdirected.has(answer)
}

/** Whether what failed may go well when it is tried again as it was, with this broker or another. */
export function mayPass(error: unknown): boolean {
  if (error instanceof AppError || translate(error).kind !== 'unavailable') return false
  const cause = causeOf(error)
  return answerOf(error) === null || (cause instanceof Error && 'retriable' in cause && cause.retriable === true)
}

const detailOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** What kafkajs threw, in this project's terms; everything that may pass is `log-unavailable`. Total. */
export function translate(error: unknown): AppError {
  if (error instanceof AppError) return error
  const cause = causeOf(error)
  const answer = answerOf(error) ?? ''
  if (answer === 'INVALID_SESSION_TIMEOUT') {
    const detail =
      'The brokers do not take this session timeout: set KAFKA_SESSION_SECONDS to what lies between their ' +
      'group.min.session.timeout.ms and group.max.session.timeout.ms.'
    return new AppError('configuration-invalid', detail, { cause: error })
  }
  return refused.has(answer) || isSignInRefused(cause)
    ? new AppError('configuration-invalid', `Kafka refuses what it is asked as this user: ${detailOf(cause)}`, {
        cause: error,
      })
    : new AppError('log-unavailable', `Kafka does not answer as it should: ${detailOf(cause)}`, { cause: error })
}

/**
 * The same once the log is open. What the brokers refuse then, they took before or may take again: it is `log-unavailable` too, and
 * waited for, as no record is to be given up for it.
 */
export function translateWhileOpen(error: unknown): AppError {
  const failure = translate(error)
  if (failure.code !== 'configuration-invalid') return failure
  return new AppError('log-unavailable', failure.message, { cause: error })
}
