import { randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Kafka, logLevel, type KafkaConfig } from 'kafkajs'
import { installed, runProgram } from './server-cache.ts'
import { startRestartable, type RestartableServer } from './restartable-server.ts'
import { freePort } from './server-process.ts'
import type { StartedServer } from './start-servers.ts'

const VERSION = '4.3.1'

const project = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>pairstream</groupId><artifactId>kafka-for-tests</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${VERSION}</version></dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.4</version>
    </dependency>
  </dependencies>
</project>`

/** Collects the jars of Apache Kafka by Maven, whose short name of the plugin does not resolve everywhere. */
async function install(folder: string): Promise<void> {
  await writeFile(join(folder, 'pom.xml'), project)
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'
  const values = ['-B', '-q', goal, '-DincludeScope=runtime', `-DoutputDirectory=${join(folder, 'jars')}`]
  await runProgram('mvn', values, { cwd: folder })
}

const loggingSettings = `
rootLogger.level = WARN
rootLogger.appenderRef.console.ref = Console
appender.console.type = Console
appender.console.name = Console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %m%n%throwable{3}
`

export type BrokerOptions = {
  /** Told the port that the broker listens at; gives the port of 127.0.0.1 at which clients are to reach it. Default: the same. */
  readonly advertise?: (port: number) => Promise<number>
  /** As `advertise`, of a second way in that only some clients take. */
  readonly advertiseSecond?: (port: number) => Promise<number>
  /** What clients speak: a security protocol with further lines of `server.properties`. Default: plain text. */
  readonly security?: {
    readonly protocol: string
    readonly properties: readonly string[]
    /** For the formatting of the data folder, such as users. */
    readonly formatValues: readonly string[]
  }
  /** Whether it answers clients at an address; default: without TLS and user. */
  readonly isReady?: (address: string) => Promise<boolean>
  /** Its place in a cluster of several; default: it is alone. */
  readonly seat?: Seat
}

type Seat = {
  readonly node: number
  readonly controllerPort: number
  /** All nodes with the ports of their controllers, as `controller.quorum.voters` takes them. */
  readonly voters: string
  readonly clusterId: string
  /** Lines of `server.properties` that all nodes share. */
  readonly properties: readonly string[]
  /** What the JVM is given besides. */
  readonly javaOptions: readonly string[]
}

const alone = async (): Promise<Seat> => {
  const controllerPort = await freePort()
  const voters = `1@127.0.0.1:${controllerPort}`
  return { node: 1, controllerPort, voters, clusterId: newId(), properties: [], javaOptions: [] }
}

/** Begins with a letter: one with a dash would be taken for an option. */
const newId = (): string => Buffer.concat([Buffer.of(0x41), randomBytes(15)]).toString('base64url')

/** A broker whose process can be killed and started again at the same port with the same data. */
export type KafkaBroker = RestartableServer & {
  /** `127.0.0.1:port`. */
  readonly address: string
  /** The same for the second way in; empty where there is none. */
  readonly secondAddress: string
}

/** How a JVM of the tests is started: small, quick to start, without the profile-guided compiler. */
export const javaOptions = ['-Xmx512m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto']

/** Whether the broker answers a client that connects as `security` says. */
export async function answersTo(address: string, security: Pick<KafkaConfig, 'ssl' | 'sasl'> = {}): Promise<boolean> {
  const kafka = new Kafka({ ...security, brokers: [address], logLevel: logLevel.NOTHING, retry: { retries: 0 } })
  const admin = kafka.admin()
  try {
    await admin.connect()
    return (await admin.describeCluster()).brokers.length > 0
  } finally {
    await admin.disconnect()
  }
}

/** Starts a KRaft node that is broker and controller in one, with its data in `folder`. */
export async function startKafkaBroker(folder: string, options: BrokerOptions = {}): Promise<KafkaBroker> {
  const classPath = `${await installed(`kafka-${VERSION}`, install)}/jars/*`
  const [port, seat] = [await freePort(), options.seat ?? (await alone())]
  const listener = `127.0.0.1:${port}`
  const address = `127.0.0.1:${(await options.advertise?.(port)) ?? port}`
  const secondPort = options.advertiseSecond === undefined ? null : await freePort()
  const secondAddress =
    secondPort === null ? '' : `127.0.0.1:${(await options.advertiseSecond?.(secondPort)) ?? secondPort}`
  const second = { listener: '', advertised: '', protocol: '' }
  if (secondPort !== null) {
    second.listener = `,SECOND://127.0.0.1:${secondPort}`
    second.advertised = `,SECOND://${secondAddress}`
    second.protocol = ',SECOND:PLAINTEXT'
  }
  const protocol = options.security?.protocol ?? 'PLAINTEXT'
  const settings = join(folder, 'server.properties')
  const logging = join(folder, 'log4j2.properties')
  await mkdir(folder, { recursive: true })
  await writeFile(logging, loggingSettings)
  await writeFile(
    settings,
    [
      'process.roles=broker,controller',
      `node.id=${seat.node}`,
      `listeners=CLIENT://${listener},CONTROLLER://127.0.0.1:${seat.controllerPort}${second.listener}`,
      `advertised.listeners=CLIENT://${address}${second.advertised}`,
      `listener.security.protocol.map=CLIENT:${protocol},CONTROLLER:PLAINTEXT${second.protocol}`,
      'inter.broker.listener.name=CLIENT',
      'controller.listener.names=CONTROLLER',
      `controller.quorum.voters=${seat.voters}`,
      `log.dirs=${join(folder, 'data')}`,
      // A broker that was killed may come back once its session has ended.
      'broker.session.timeout.ms=2000',
      'broker.heartbeat.interval.ms=500',
      'auto.create.topics.enable=false',
      'offsets.topic.replication.factor=1',
      'offsets.topic.num.partitions=4',
      'transaction.state.log.replication.factor=1',
      'transaction.state.log.min.isr=1',
      'transaction.state.log.num.partitions=1',
      'group.initial.rebalance.delay.ms=0',
      'group.min.session.timeout.ms=1000',
      'log.cleaner.backoff.ms=500',
      'log.retention.check.interval.ms=1000',
      'log.initial.task.delay.ms=1000',
      'file.delete.delay.ms=0',
      ...seat.properties,
      ...(options.security?.properties ?? []),
      '',
    ].join('\n'),
  )
  const java = (main: string, ...values: string[]) => [
    ...javaOptions,
    ...seat.javaOptions,
    `-Dlog4j2.configurationFile=${logging}`,
    '-cp',
    classPath,
    main,
    ...values,
  ]
  await runProgram(
    'java',
    java(
      'kafka.tools.StorageTool',
      'format',
      '-t',
      seat.clusterId,
      '-c',
      settings,
      ...(options.security?.formatValues ?? []),
    ),
  )

  const server = await startRestartable({
    name: 'Kafka',
    command: 'java',
    values: java('kafka.Kafka', settings),
    logFile: join(folder, 'kafka.log'),
    isReady: () => (options.isReady ?? answersTo)(address),
  })
  return { ...server, address, secondAddress }
}

const clusterProperties = [
  // Groups outlive the loss of any broker.
  'offsets.topic.replication.factor=3',
  // Fits the small heap.
  'log.cleaner.dedupe.buffer.size=8000000',
  // A broker that comes back leads again what it led before, soon.
  'leader.imbalance.check.interval.seconds=1',
  'leader.imbalance.per.broker.percentage=0',
]

/** Starts a cluster of `count` small nodes, each of which can be killed and started again; the quorum outlives the loss of one of three. */
export async function startKafkaCluster(folder: string, count = 3): Promise<readonly KafkaBroker[]> {
  const nodes = await Promise.all(
    Array.from({ length: count }, async (_, index) => ({ node: index + 1, controllerPort: await freePort() })),
  )
  const shared = {
    voters: nodes.map(({ node, controllerPort }) => `${node}@127.0.0.1:${controllerPort}`).join(),
    clusterId: newId(),
    properties: clusterProperties,
    javaOptions: ['-Xmx256m'],
  }
  const started = await Promise.allSettled(
    nodes.map((each) => startKafkaBroker(join(folder, `node-${each.node}`), { seat: { ...shared, ...each } })),
  )
  const brokers = started.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  const failure = started.find((outcome) => outcome.status === 'rejected')
  if (failure === undefined) return brokers
  await Promise.all(brokers.map((broker) => broker.kill()))
  throw failure.reason
}

/** One Kafka broker for all suites. Its data are gone when it is stopped. */
export async function startKafka(folder: string): Promise<StartedServer> {
  const broker = await startKafkaBroker(folder)
  return {
    address: broker.address,
    async stop() {
      await broker.kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
