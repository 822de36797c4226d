import { once } from 'node:events'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { parse, stringify } from 'yaml'
import { publishSource } from '../../src/producers/publish-source.ts'
import { scenesSource } from '../../src/producers/scenes/scenes-source.ts'
import { startPairstream } from '../e2e/running-pairstream.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { answers, freePort, startServer } from './server-process.ts'

const deployed = resolve(import.meta.dirname, '../../deploy')

type Notification = { readonly path: string; readonly alerts: readonly { readonly labels: Record<string, string> }[] }

/** Takes what Alertmanager sends, as a chat or a pager would. */
async function takeNotifications() {
  const taken: Notification[] = []
  let changed: () => void = () => undefined
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { alerts } = JSON.parse(Buffer.concat(chunks).toString()) as Pick<Notification, 'alerts'>
      taken.push({ path: request.url ?? '', alerts })
      changed()
      response.end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const found = async (alertname: string): Promise<Notification> => {
    for (;;) {
      const one = taken.find(({ alerts }) => alerts.some(({ labels }) => labels['alertname'] === alertname))
      if (one !== undefined) return one
      await new Promise<void>((resolveChange) => (changed = resolveChange))
    }
  }
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, found }
}

/** Prometheus and Alertmanager with the files that are deployed, but for the addresses of what they speak to. */
async function startWatching(target: string, webhook: string): Promise<void> {
  const folder = await temporaryFolder()
  await cp(deployed, folder, { recursive: true })
  const [prometheus, alertmanager] = [await freePort(), await freePort()]

  const routes = join(folder, 'alertmanager/alertmanager.yml')
  await writeFile(routes, (await readFile(routes, 'utf8')).replaceAll('http://127.0.0.1:9/', `${webhook}/`))
  const configuration = join(folder, 'prometheus/prometheus.yml')
  const given = parse(await readFile(configuration, 'utf8')) as Record<string, unknown>
  const scrape_configs = [{ job_name: 'pairstream', static_configs: [{ targets: [target], labels: { role: 'api' } }] }]
  const alerting = { alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${alertmanager}`] }] }] }
  await writeFile(configuration, stringify({ ...given, scrape_configs, alerting }))

  const servers = [
    await startServer({
      name: 'Alertmanager',
      command: 'prometheus-alertmanager',
      values: [
        `--config.file=${routes}`,
        `--storage.path=${join(folder, 'alerts')}`,
        `--web.listen-address=127.0.0.1:${alertmanager}`,
        '--cluster.listen-address=',
      ],
      logFile: join(folder, 'alertmanager.log'),
      isReady: answers(`http://127.0.0.1:${alertmanager}/-/ready`),
    }),
    await startServer({
      name: 'Prometheus',
      command: 'prometheus',
      values: [
        `--config.file=${configuration}`,
        `--storage.tsdb.path=${join(folder, 'series')}`,
        `--web.listen-address=127.0.0.1:${prometheus}`,
      ],
      logFile: join(folder, 'prometheus.log'),
      isReady: answers(`http://127.0.0.1:${prometheus}/-/ready`),
    }),
  ]
  onTestFinished(async () => {
    for (const server of servers) await server.stop()
  })
}

it('a retraining that is asked for is in the chat within a minute, by the files that are deployed', async () => {
  const pairstream = await startPairstream({ FIRST_TRAINING_PAIRS: 100_000, TRAINING_EPOCHS: 1, THREADS: 1 })
  onTestFinished(() => pairstream.stop())
  const { address: webhook, found } = await takeNotifications()
  await startWatching(new URL(pairstream.address).host, webhook)
  await publishSource(scenesSource({ count: 20, seed: 1 }), pairstream.services.publisher)

  const asked = performance.now()
  expect((await fetch(`${pairstream.address}/v1/retraining`, { method: 'POST' })).status).toBe(202)
  const { path, alerts } = await found('PairstreamRetrainingRequested')
  expect(path).toBe('/chat')
  expect(alerts).toMatchObject([{ labels: { severity: 'model', reason: 'manual' } }])
  expect(performance.now() - asked).toBeLessThan(60_000)
})
