import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import kafkajs, { Kafka, logLevel, type AclOperationTypes, type AclResourceTypes } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { checkKafka, createKafkaLog, type KafkaLogOptions } from '../../src/adapters/event-log/kafka.ts'
import type { SaslOptions } from '../../src/adapters/event-log/kafka/options.ts'
import type { EffectPorts } from '../../src/consumers/effects.ts'
import { run } from '../../src/consumers/runner.ts'
import type { AppError } from '../../src/core/errors.ts'
import { chooseKafkaSecurity } from '../../src/kafka-security.ts'
import { consumeRecords, promise } from '../fixtures/log-consumers.ts'
import { captions, captionsFrom, numbered } from '../fixtures/pair-events.ts'
import { topicValues } from '../fixtures/topic-values.ts'
import { ownOptions } from './kafka-fixture.ts'
import { answersTo, startKafkaBroker, type KafkaBroker } from './kafka.ts'
import { runProgram } from './server-cache.ts'

const user = { username: 'pairstream', password: 'a secret' }
/** May do nothing but what it is given a right to. */
const limited = { username: 'limited', password: 'another secret' }
const storePassword = 'of-the-key-store'
let folder: string
let broker: KafkaBroker
let certificate: string
const inFolder = (name: string): string => join(folder, name)

/** A key for 127.0.0.1 that it signs itself, in a store, and its certificate. */
async function makeKey(store: string): Promise<string> {
  const common = ['-keystore', store, '-storepass', storePassword, '-alias', 'broker']
  const names = ['-dname', 'CN=localhost', '-ext', 'SAN=IP:127.0.0.1', '-validity', '2']
  await runProgram('keytool', ['-genkeypair', '-keyalg', 'EC', '-storetype', 'PKCS12', ...names, ...common])
  const file = join(folder, 'broker.pem')
  await runProgram('keytool', ['-exportcert', '-rfc', '-file', file, ...common])
  return readFile(file, 'utf8')
}

/** A key of the program's own and the certificate that it shows. */
async function makeClientKey(): Promise<string> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', inFolder('client.key')]
  const out = ['-out', inFolder('client.pem'), '-days', '2', '-subj', '/CN=pairstream']
  await runProgram('openssl', ['req', '-x509', ...key, ...out])
  return readFile(inFolder('client.pem'), 'utf8')
}

/** As the settings have it. */
const tls = () => {
  const paths = { KAFKA_TLS_CA: inFolder('broker.pem'), KAFKA_TLS_CERT: inFolder('client.pem') }
  return chooseKafkaSecurity({ KAFKA_TLS: 'true', ...paths, KAFKA_TLS_KEY: inFolder('client.key') }).tls
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pairstream-'))
  const store = join(folder, 'broker.p12')
  certificate = await makeKey(store)
  await writeFile(inFolder('trusted.pem'), `${certificate}${await makeClientKey()}`)
  const { username, password } = user
  broker = await startKafkaBroker(join(folder, 'kafka'), {
    security: {
      protocol: 'SASL_SSL',
      properties: [
        `ssl.keystore.location=${store}`,
        `ssl.keystore.password=${storePassword}`,
        'ssl.keystore.type=PKCS12',
        `ssl.truststore.location=${inFolder('trusted.pem')}`,
        'ssl.truststore.type=PEM',
        'listener.name.client.ssl.client.auth=required',
        'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
        'sasl.mechanism.inter.broker.protocol=PLAIN',
        'listener.name.client.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required ' +
          `username="${username}" password="${password}" user_${username}="${password}" ` +
          `user_${limited.username}="${limited.password}";`,
        'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        `super.users=User:${username};User:ANONYMOUS`, // who comes to the controller's listener does not sign in
        ...['256', '512'].map(
          (bits) =>
            `listener.name.client.scram-sha-${bits}.sasl.jaas.config=` +
            'org.apache.kafka.common.security.scram.ScramLoginModule required;',
        ),
      ],
      formatValues: ['256', '512'].flatMap((bits) => [
        '--add-scram',
        `SCRAM-SHA-${bits}=[name=${username},password=${password}]`,
      ]),
    },
    isReady: (address) => answersTo(address, { ssl: tls(), sasl: { mechanism: 'plain', ...user } }),
  })
})
afterAll(async () => {
  await broker.kill()
  await rm(folder, { recursive: true, force: true })
})

const secured = (changes: Partial<KafkaLogOptions>): KafkaLogOptions =>
  ownOptions({ kafka: broker.address, registry: inject('servers').registry }, { tls: tls(), ...changes })

describe('the Kafka log over TLS', () => {
  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('signs in by %s', async (mechanism) => {
    const sasl: SaslOptions = { mechanism, ...user }
    const log = await createKafkaLog(secured({ sasl }))
    await log.append(numbered('one', 3))
    expect(captions(await consumeRecords(log, 'readers', 'pairs', 3))).toEqual(captionsFrom(3))
    await log.close()
  })

  it('says that the user is refused, and never the password', async () => {
    const options = secured({ sasl: { mechanism: 'scram-sha-512', username: 'pairstream', password: 'a wrong one' } })
    await expect(createKafkaLog(options)).rejects.toMatchObject({ code: 'configuration-invalid' })
    const faults = await checkKafka(options)
    expect(faults).toHaveLength(1)
    expect(faults.join()).not.toContain('a wrong one')
    expect(faults.join()).not.toContain('EVENT_LOG_URL') // it is right
  })

  it('gives up no record for a user who is refused after a start that went well', async () => {
    const sasl = { mechanism: 'scram-sha-512' as const, ...user }
    const options = secured({ sasl })
    const log = await createKafkaLog(options)
    const publisher = await createKafkaLog({ ...options, sasl: { ...sasl } })
    await publisher.append(numbered('one', 1))
    const waited = promise<AppError>()
    const died: string[] = []
    let attempts = 0
    const consumer = run(
      {
        group: 'askers',
        topics: ['pairs'],
        handle: async () => {
          if (++attempts === 1) sasl.password = 'a wrong one'
          const [topic, value] = ['retraining.requested', topicValues['retraining.requested']] as const
          return [{ type: 'events-append', records: [{ topic, key: 'k', value }] }]
        },
      },
      {
        log,
        ports: { log } as EffectPorts,
        policy: { attempts: 1, firstWait: 100, longestWait: 100 },
        events: {
          onDead: (_, { code }) => died.push(code),
          onWaiting: (_, error) => waited.resolve(error),
        },
      },
    )
    expect(await waited.promise).toMatchObject({
      code: 'log-unavailable',
      message: expect.stringContaining('refuses') as string,
    })
    sasl.password = user.password
    const [asked] = await consumeRecords(publisher, 'readers', 'retraining.requested', 1)
    expect(asked?.key).toBe('k')
    expect(died).toEqual([])
    await consumer.stop()
    await Promise.all([log.close(), publisher.close()])
  })

  it('needs the rights that the documentation names, and ends a consumer of a group that it has none on with the reason', async () => {
    const options = secured({ sasl: { mechanism: 'plain', ...limited } })
    const admin = new Kafka({
      brokers: [broker.address],
      ssl: tls(),
      sasl: { mechanism: 'plain', ...user },
      logLevel: logLevel.NOTHING,
    }).admin()
    await admin.connect()
    const allow = (resourceType: AclResourceTypes, operations: readonly AclOperationTypes[]) =>
      admin.createAcls({
        acl: operations.map((operation) => ({
          resourceType,
          resourceName: options.prefix ?? '',
          resourcePatternType: kafkajs.ResourcePatternTypes.PREFIXED,
          principal: `User:${limited.username}`,
          host: '*',
          operation,
          permissionType: kafkajs.AclPermissionTypes.ALLOW,
        })),
      })
    const { READ, WRITE, CREATE, DELETE, DESCRIBE, DESCRIBE_CONFIGS } = kafkajs.AclOperationTypes
    await allow(kafkajs.AclResourceTypes.TOPIC, [DESCRIBE, DESCRIBE_CONFIGS, READ, WRITE, CREATE])
    const log = await vi.waitFor(() => createKafkaLog(options)) // a right counts a moment after it is given
    await log.append(numbered('one', 3))
    const refused = log.consume('readers', { topics: ['pairs'], handle: async () => undefined })
    await expect(refused.done).rejects.toMatchObject({
      code: 'configuration-invalid',
      message: expect.stringMatching(/refuses .*group/i) as string,
    })

    await allow(kafkajs.AclResourceTypes.GROUP, [READ, DELETE])
    await vi.waitFor(() => log.committedOffsets('readers', 'pairs'))
    expect(captions(await consumeRecords(log, 'readers', 'pairs', 3))).toEqual(captionsFrom(3))
    expect(await log.groups()).toEqual(['readers'])
    await log.deleteGroup('readers')
    expect(await checkKafka(options)).toEqual([])
    await Promise.all([log.close(), admin.disconnect()])
  })

  it('does not trust a certificate that it was not told of', async () => {
    await expect(createKafkaLog(secured({ tls: true, sasl: { mechanism: 'plain', ...user } }))).rejects.toMatchObject({
      code: 'log-unavailable',
      message: expect.stringContaining('certificate') as string,
    })
  })

  it('shows no certificate that it was not given', async () => {
    const options = secured({ tls: { ca: certificate }, sasl: { mechanism: 'plain', ...user } })
    await expect(createKafkaLog(options)).rejects.toMatchObject({ code: 'log-unavailable' })
  })
})
