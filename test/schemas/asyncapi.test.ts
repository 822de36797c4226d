import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import specs from '@asyncapi/specs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { cloudEventHeaders } from '../../src/adapters/event-log/cloud-events.ts'
import { topicConfigurations } from '../../src/adapters/event-log/kafka/topic-configuration.ts'
import { topicSettings } from '../../src/adapters/event-log/topic-settings.ts'
import { roles, settings } from '../../src/config.ts'
import { AppError } from '../../src/core/errors.ts'
import { topics } from '../../src/core/events.ts'
import { deadLettersOf, replayMarker } from '../../src/roles/dead-letters.ts'
import { platform } from '../consumers/consumer-harness.ts'
import { pairRecord } from '../fixtures/pair-events.ts'

type Reference = { readonly $ref: string }
type Channel = {
  readonly address: string
  readonly messages: Readonly<Record<string, Reference>>
  readonly bindings: {
    readonly kafka: {
      readonly topic: string
      readonly topicConfiguration: Readonly<Record<string, unknown>>
    }
  }
}
type Message = { readonly name: string; readonly payload: { readonly schema?: Reference; readonly type?: string } }
type Operation = { readonly action: string; readonly channel: Reference; readonly tags: readonly { name: string }[] }
type Document = {
  readonly channels: Readonly<Record<string, Channel>>
  readonly operations: Readonly<Record<string, Operation>>
  readonly components: {
    readonly messages: Readonly<Record<string, Message>>
    readonly schemas: Readonly<Record<string, { readonly required?: readonly string[]; readonly properties: object }>>
  }
}

const folder = resolve(import.meta.dirname, '../../schemas')
const text = readFileSync(resolve(folder, 'asyncapi.yaml'), 'utf8')
const document = parse(text) as Document
const channels = Object.values(document.channels)

/** What a JSON pointer within the document, or a file beside it, leads to; undefined where it leads nowhere. */
function resolved(reference: string): unknown {
  if (!reference.startsWith('#/')) return JSON.parse(readFileSync(resolve(folder, reference), 'utf8'))
  return reference
    .slice(2)
    .split('/')
    .reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], document)
}

function validator() {
  const ajv = new Ajv({ strict: false, allErrors: true })
  addFormats.default(ajv)
  // Two definitions within the schema of the specification have the identifier of draft 7 itself, which ajv brings along.
  return ajv.compile(structuredClone(specs.schemasWithoutId['3.0.0']) as object)
}

describe('schemas/asyncapi.yaml', () => {
  it('is a document of AsyncAPI 3.0', () => {
    const validate = validator()
    validate(document)
    expect(validate.errors).toBeNull()
    validate({ ...document, channels: { pairs: { address: 7 } } })
    expect(validate.errors).not.toBeNull()
  })

  it('refers only to what is there', () => {
    const references = [...text.matchAll(/\$ref: ['"]?([^'"\s}]+)/g)].map(([, reference = '']) => reference)
    expect(references.length).toBeGreaterThan(40)
    for (const reference of references) expect(resolved(reference), reference).toBeDefined()
  })

  it('has every topic of the log, and no other, set up as the driver for Kafka sets them up', () => {
    const wanted = topicConfigurations(
      settings.shape.PARTITIONS.parse(undefined),
      settings.shape.KAFKA_MIN_IN_SYNC.parse(undefined),
    )
    expect(channels.map(({ address }) => address).sort()).toEqual([...topicSettings.keys()].sort())
    for (const [topic, configuration] of wanted) {
      const kafka = channels.find(({ address }) => address === topic)?.bindings.kafka
      const values = Object.entries(configuration.settings).map(([name, { value }]) => [name, value])
      const described = Object.entries(kafka?.topicConfiguration ?? {}).map(([name, value]) => [name, String(value)])
      expect(Object.fromEntries(described), topic).toEqual(Object.fromEntries(values))
      expect(kafka, topic).toMatchObject({
        topic,
        partitions: configuration.partitions,
        replicas: settings.shape.KAFKA_REPLICATION.parse(undefined),
      })
    }
  })

  it('gives each topic the newest version of its Avro schema', () => {
    for (const topic of topics) {
      const channel = channels.find(({ address }) => address === topic)
      const [reference] = Object.values(channel?.messages ?? {})
      const message = resolved(reference?.$ref ?? '') as Message
      const version = /^\.\/(.+)\.v(\d+)\.avsc$/.exec(message.payload.schema?.$ref ?? '')
      expect(version?.[1]).toBe(topic)
      expect(message.name).toBe(`pairstream.${topic}.v${version?.[2] ?? ''}`)
      expect(() => readFileSync(resolve(folder, `${topic}.v${Number(version?.[2]) + 1}.avsc`))).toThrow()
      const schema = resolved(message.payload.schema?.$ref ?? '') as { name: string }
      expect(reference?.$ref).toBe(`#/components/messages/${schema.name}`)
    }
  })

  it('gives dead records no value', () => {
    for (const { address, messages } of channels.filter(({ address }) => address.endsWith('.dead'))) {
      for (const { $ref } of Object.values(messages)) {
        expect((resolved($ref) as Message).payload.type, address).toBe('null')
      }
    }
  })

  it('has the headers that records really get', async () => {
    const { CloudEventHeaders, DeadHeaders, ReplayHeaders } = document.components.schemas
    const own = Object.keys(cloudEventHeaders('pairs', 1, 0))
    expect(Object.keys(CloudEventHeaders?.properties ?? {})).toEqual(expect.arrayContaining(own))

    const { log, start, passed } = await platform()
    await log.append([pairRecord('picture', 'caption')])
    const handle = () => Promise.reject(new AppError('wrong-id', 'It is poison.'))
    start({ group: 'tested', topics: ['pairs'], handle })
    await passed('tested')
    const [dead] = await log.dead('pairs')
    const [letter] = await deadLettersOf(log, 'pairs')
    if (letter === undefined) throw new Error('nothing died')
    const added = Object.keys(dead?.headers ?? {}).filter((name) => !own.includes(name))
    expect(DeadHeaders?.required?.toSorted()).toEqual(added.sort())
    const marker = replayMarker(letter, { partition: 0, offset: 0 }, 'ada', 0)
    expect(ReplayHeaders?.required?.toSorted()).toEqual(Object.keys(marker).sort())
  })

  it('has something that each role receives and something that it sends', () => {
    const operations = Object.values(document.operations)
    for (const role of roles) {
      const actions = operations
        .filter(({ tags }) => tags.some(({ name }) => name === role))
        .map(({ action }) => action)
      expect(actions, role).toEqual(expect.arrayContaining(['receive', 'send']))
    }
  })
})
