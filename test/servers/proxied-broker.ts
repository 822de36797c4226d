import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTcpProxy, type TcpProxy } from '../fixtures/tcp-proxy.ts'
import { startKafkaBroker, type KafkaBroker } from './kafka.ts'

/** A broker of one's own that clients reach through a proxy only: what it advertises is the proxy's address. */
export type ProxiedBroker = {
  readonly broker: KafkaBroker
  readonly proxy: TcpProxy
  /** Of both, and for whatever else goes with them. */
  readonly folder: string
  close(): Promise<void>
}

export async function startProxiedBroker(): Promise<ProxiedBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'pairstream-'))
  const proxies: TcpProxy[] = []
  const broker = await startKafkaBroker(join(folder, 'kafka'), {
    async advertise(port) {
      const proxy = await startTcpProxy(port)
      proxies.push(proxy)
      return proxy.port
    },
  })
  const [proxy] = proxies
  if (proxy === undefined) throw new Error('The broker asked for no address to advertise.')
  return {
    broker,
    proxy,
    folder,
    async close() {
      await broker.kill()
      await proxy.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
