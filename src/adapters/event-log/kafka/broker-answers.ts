import type { Broker } from 'kafkajs'

/** Of a request, what kafkajs does with its answer. */
export type Protocol = {
  readonly request: { readonly apiVersion: number }
  readonly response: {
    readonly decode: (bytes: Buffer) => Promise<unknown>
    readonly parse: (data: unknown) => Promise<unknown>
  }
}

/** What kafkajs' brokers have and its types leave out. */
type BrokerWithin = Broker & { readonly lookupRequest: (...name: unknown[]) => (request: unknown) => Protocol }

/** The broker, once it is connected, but that `responseOf` says how answers to it are read. */
export function readingAnswers(broker: Broker, responseOf: (protocol: Protocol) => Protocol['response']): Broker {
  const { lookupRequest } = broker as BrokerWithin
  const lookup =
    (...name: unknown[]) =>
    (request: unknown) => {
      const protocol = lookupRequest(...name)(request)
      return { ...protocol, response: responseOf(protocol) }
    }
  return Object.create(broker, { lookupRequest: { value: lookup } }) as Broker
}
