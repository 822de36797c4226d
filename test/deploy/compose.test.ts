import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { requireCredentialsFor } from '../../src/access-settings.ts'
import { roles } from '../../src/config.ts'
import { configurationOf, readText, readYaml, root, unknownVariables } from './deployed-files.ts'

type Service = {
  readonly image: string
  readonly build?: string | { readonly context: string; readonly dockerfile: string }
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, unknown>>
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly configs?: readonly string[]
  readonly restart?: string
  readonly mem_limit?: string
  readonly pull_policy?: string
  readonly cpus?: number
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
}

const compose = readYaml('docker-compose.yml') as {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
  readonly configs: Readonly<Record<string, { readonly content: string }>>
}
const services = Object.entries(compose.services)
const roleServices = services.filter(([name]) => (roles as readonly string[]).includes(name))

describe('docker-compose.yml', () => {
  it('has one service a role, which runs that role', () => {
    expect(roleServices.map(([name]) => name).sort()).toEqual([...roles].sort())
    for (const [name, { command }] of roleServices) expect(command).toEqual(['serve', '--roles', name])
  })

  it('gives the roles a configuration that they start with, over real servers', () => {
    for (const [name, { environment = {} }] of roleServices) {
      expect(unknownVariables(environment), name).toEqual([])
      const { drivers, access } = configurationOf(environment)
      expect(Object.values(drivers).map(({ kind }) => kind)).toEqual(['kafka', 'qdrant', 's3', 'mlflow'])
      expect(() => requireCredentialsFor('0.0.0.0', access)).not.toThrow()
    }
  })

  it('speaks to servers that it runs, and waits until they are healthy', () => {
    for (const [name, { environment = {}, depends_on = {} }] of roleServices) {
      const urls = Object.values(environment).flatMap(
        (value) => /^(?:kafka|http):\/\/([^:/]+)/.exec(String(value)) ?? [],
      )
      const hosts = new Set(urls.filter((text) => !text.includes('/')))
      expect([...hosts].sort(), name).toEqual(['kafka', 'minio', 'mlflow', 'qdrant', 'registry'])
      for (const host of hosts) expect(depends_on[host], name).toEqual({ condition: 'service_healthy' })
    }
    for (const [name, { depends_on = {} }] of services) {
      for (const [other, { condition }] of Object.entries(depends_on)) {
        expect(compose.services[other]?.healthcheck, `${name} waits for ${other}`).toBeDefined()
        expect(condition).toBe('service_healthy')
      }
    }
  })

  it('pins every image, limits every service, and starts it again', () => {
    for (const [name, { image, mem_limit, cpus, restart }] of services) {
      expect(image, name).toMatch(/^[\w./-]+:(?:\$\{\w+:-)?[\w.-]*\d[\w.-]*\}?$/)
      expect(image).not.toContain('latest')
      expect(mem_limit, name).toMatch(/^\d+[mg]$/)
      expect(cpus, name).toBeGreaterThan(0)
      expect(restart, name).toBe('unless-stopped')
    }
  })

  it('starts on two cores: Docker refuses a container that may have more than there are', () => {
    for (const [name, { cpus }] of services) expect(cpus, name).toBeLessThanOrEqual(2)
  })

  it('builds every tag once, and pulls none that it builds', () => {
    const built = services.filter(([, { build }]) => build !== undefined).map(([, { image }]) => image)
    expect(new Set(built).size).toBe(built.length)
    for (const [name, { image, pull_policy }] of roleServices) {
      expect(built, name).toContain(image)
      expect(pull_policy, name).toBe('never')
    }
  })

  it('checks the health of every server; the roles bring their check in their image', () => {
    for (const [name, { healthcheck }] of services) {
      if (!(roles as readonly string[]).includes(name)) expect(healthcheck?.test[0], name).toBe('CMD')
    }
    expect(readText('deploy/Dockerfile')).toContain('HEALTHCHECK')
  })

  it('binds ports to this machine alone', () => {
    const ports = services.flatMap(([, service]) => service.ports ?? [])
    expect(ports.length).toBeGreaterThan(6)
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/)
    const published = ports.map((port) => port.split(':').at(-2))
    expect(new Set(published).size).toBe(published.length)
  })

  it('lets no role write outside its volume, nor gain rights', () => {
    for (const [name, { read_only, cap_drop }] of roleServices) {
      expect(read_only, name).toBe(true)
      expect(cap_drop, name).toEqual(['ALL'])
    }
  })

  it('declares its volumes, and mounts only what is there', () => {
    const mounted = services.flatMap(([, { volumes = [] }]) => volumes.map((volume) => volume.split(':')[0] ?? ''))
    for (const source of mounted) {
      if (source.startsWith('.')) expect(existsSync(resolve(root, source)), source).toBe(true)
      else expect(Object.keys(compose.volumes)).toContain(source)
    }
    expect(Object.keys(compose.volumes).filter((volume) => !mounted.includes(volume))).toEqual([])
  })

  it('has no secret that is not a default of a variable', () => {
    for (const [name, { environment = {} }] of services) {
      for (const [variable, value] of Object.entries(environment)) {
        if (/PASSWORD|SECRET|(ACCESS|API)_KEY(_ID)?$|ROOT_USER/.test(variable))
          expect(String(value), `${name}: ${variable}`).toMatch(/^\$\{\w+:-[\w-]+\}$/)
      }
    }
  })

  it('gives Prometheus what it needs to read every server that asks for a key', () => {
    type Job = {
      readonly job_name: string
      readonly authorization?: { readonly credentials_file: string }
      readonly static_configs?: readonly { readonly targets: readonly string[] }[]
    }
    const { scrape_configs: jobs } = readYaml('deploy/prometheus/prometheus.yml') as { scrape_configs: readonly Job[] }
    const targets = jobs.flatMap(({ static_configs = [] }) => static_configs.flatMap((one) => one.targets))
    for (const target of targets) expect(Object.keys(compose.services)).toContain(target.split(':')[0])

    const own = jobs.find(({ job_name }) => job_name === 'pairstream')?.authorization?.credentials_file ?? '?'
    const ownKey = compose.configs[own.slice(1)]?.content ?? '?'
    expect(compose.services['prometheus']?.configs).toContain(own.slice(1))
    expect(ownKey).toMatch(/^\$\{\w+:-[\w-]+\}$/)
    for (const [name, { environment = {} }] of roleServices) {
      expect(environment['API_KEYS'], name).toContain(`operator/metrics:read:${ownKey}`)
      const { access } = configurationOf(environment)
      expect(access.keys.map(({ role, scopes }) => [role, scopes])).toEqual([['admin', null], ['operator', ['metrics:read']]]) // prettier-ignore
    }

    const key = compose.services['qdrant']?.environment?.['QDRANT__SERVICE__API_KEY']
    const job = jobs.find(({ job_name }) => job_name === 'qdrant')
    const [config = '?'] = compose.services['prometheus']?.configs ?? []
    // A config without a target lies in the root, by its name.
    expect(job?.authorization?.credentials_file).toBe(`/${config}`)
    expect(compose.configs[config]).toEqual({ content: key })
    expect(String(key)).toMatch(/^\$\{\w+:-[\w-]+\}$/)
  })

  it('runs the versions of the servers that the tests run', () => {
    const tested = (server: string): string =>
      /\d+\.\d+\.\d+(?:\.Final)?/.exec(readText(`test/servers/${server}.ts`))?.[0] ?? '?'
    expect(compose.services['kafka']?.image).toContain(`:${tested('kafka')}`)
    expect(compose.services['registry']?.image).toContain(`:${tested('registry')}`)
    expect(readText('deploy/mlflow/Dockerfile')).toContain(`mlflow==${tested('mlflow')}`)
  })

  it('builds from Dockerfiles that are there', () => {
    for (const [name, { build }] of services) {
      if (build === undefined) continue
      const file = typeof build === 'string' ? `${build}/Dockerfile` : build.dockerfile
      expect(existsSync(resolve(root, file)), name).toBe(true)
    }
  })
})
