import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { startTcpProxy, type TcpProxy } from '../../fixtures/tcp-proxy.ts'
import { startKafkaBroker, type KafkaBroker } from '../kafka.ts'
import { startMinio } from '../minio.ts'
import { startMlflow } from '../mlflow.ts'
import { startSchemaRegistry, type SchemaRegistry } from '../registry.ts'
import { startRestartableBy, type RestartableServer } from '../restartable-server.ts'
import type { ServerAddresses } from '../role-processes.ts'
import { freePort } from '../server-process.ts'
import { startHoldingProxy } from './holding-proxy.ts'

/** Servers of one's own, which may be taken away without disturbing another suite. */
export type OwnServers = {
  readonly addresses: ServerAddresses
  readonly broker: KafkaBroker
  /** Before the broker's second address. */
  readonly proxy: TcpProxy
  readonly registry: SchemaRegistry
  readonly minio: RestartableServer
  readonly mlflow: RestartableServer
  /** Before the index of all suites, which may be somebody's real one: only the way to it is taken away. */
  readonly indexProxy: TcpProxy
  stop(): Promise<void>
}

export async function startOwnServers(): Promise<OwnServers> {
  const folder = await mkdtemp(join(tmpdir(), 'pairstream-own-servers-'))
  const stops: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  const kept = async <T>(server: Promise<T>, stop: (server: T) => Promise<unknown>): Promise<T> => {
    const started = await server
    stops.push(() => stop(started))
    return started
  }
  const stop = async (): Promise<void> => {
    for (const each of stops.toReversed()) await each()
  }
  const proxies: TcpProxy[] = []
  const proxyTo = async (port: number): Promise<TcpProxy> => {
    const proxy = await kept(startTcpProxy(port), (each) => each.close())
    proxies.push(proxy)
    return proxy
  }
  const ports = { minio: await freePort(), mlflow: await freePort() }
  try {
    const startingMlflow = kept(
      startRestartableBy(() => startMlflow(join(folder, 'mlflow'), ports.mlflow)),
      (each) => each.stop(),
    )
    const minio = await kept(
      startRestartableBy(() => startMinio(join(folder, 'minio'), ports.minio)),
      (each) => each.stop(),
    )
    const registry = await kept(startSchemaRegistry(join(folder, 'registry')), (each) => each.stop())
    const advertiseSecond = async (port: number) => (await proxyTo(port)).port
    const broker = await kept(startKafkaBroker(join(folder, 'kafka'), { advertiseSecond }), (each) => each.kill())
    const mlflow = await startingMlflow
    const [proxy] = proxies
    if (proxy === undefined) throw new Error('The broker asked for no second address to advertise.')
    // Of the address there may be a name or a certificate: what lies before it passes requests on, not bytes.
    const index = await kept(startHoldingProxy(inject('servers').index), (each) => each.stop())
    const indexProxy = await proxyTo(Number(new URL(index.address).port))
    const addresses = {
      minio: `http://127.0.0.1:${ports.minio}`,
      mlflow: `http://127.0.0.1:${ports.mlflow}`,
      index: `http://127.0.0.1:${indexProxy.port}`,
      kafka: broker.address,
      registry: registry.address,
    }
    return { addresses, broker, proxy, registry, minio, mlflow, indexProxy, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
