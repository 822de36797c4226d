import type { Broker } from 'kafkajs'
import { readingAnswers, type Protocol } from './broker-answers.ts'

/** Why a broker does not create a topic, as kafkajs throws it among others. */
export type TopicRefusal = Error & { readonly type: string; readonly topic: string }

/** What kafkajs has and its types leave out. */
type BrokerWithin = Broker & { createTopics: (request: object) => Promise<unknown> }
type CreationAnswer = {
  readonly topicErrors: readonly { readonly topic: string; readonly errorMessage?: string | null }[]
}

/** The refusals in what creating topics failed with; empty where it was anything else. */
export function refusalsOf(error: unknown): TopicRefusal[] {
  const errors = error instanceof Error && 'errors' in error && Array.isArray(error.errors) ? error.errors : []
  return (errors as unknown[]).filter(
    (each): each is TopicRefusal => each instanceof Error && 'type' in each && 'topic' in each,
  )
}

/** The broker, whose refusals have its own words, which name the setting that it does not take. kafkajs reads and drops them. */
export function tellingWhy(broker: Broker): Broker {
  const { createTopics } = broker as BrokerWithin
  return Object.assign(broker, {
    createTopics: (request: object) => Reflect.apply(createTopics, readingAnswers(broker, withReasons), [request]),
  })
}

const withReasons = ({ response }: Protocol): Protocol['response'] => ({
  decode: (bytes) => response.decode(bytes),
  parse: (data) =>
    response.parse(data).catch((error: unknown) => {
      const reasons = new Map((data as CreationAnswer).topicErrors.map((each) => [each.topic, each.errorMessage]))
      for (const refusal of refusalsOf(error)) refusal.message = reasons.get(refusal.topic) ?? refusal.message
      throw error
    }),
})
