import { basename, dirname } from 'node:path'
import { describe, expect, it } from 'vitest'
import { embedGroup, embedProgressGroup } from '../../src/core/consumer-groups.ts'
import { roles, settings } from '../../src/config.ts'
import {
  configurationOf,
  filesBelow,
  readYaml,
  resourcesBelow,
  unknownVariables,
  variablesOf,
} from './deployed-files.ts'

type Container = {
  readonly args?: readonly string[]
  readonly resources: Readonly<Record<'requests' | 'limits', Readonly<Record<string, string>>>>
  readonly securityContext: object
  readonly ports: readonly object[]
  readonly env: readonly { readonly name: string }[]
} & Readonly<
  Record<'startupProbe' | 'livenessProbe' | 'readinessProbe', { readonly httpGet: { readonly path: string } }>
>
type DeploymentSpec = {
  readonly replicas?: number
  readonly strategy?: object
  readonly template: {
    readonly spec: {
      readonly containers: readonly Container[]
      readonly securityContext: object
      readonly terminationGracePeriodSeconds: number
    }
  }
}

const base = 'deploy/kubernetes/base'
const overlay = 'deploy/kubernetes/overlays/example'
const resources = resourcesBelow(base)
const ofKind = (kind: string) => resources.filter((resource) => resource.kind === kind)
const specOf = (kind: string, name: string): Readonly<Record<string, unknown>> | undefined =>
  ofKind(kind).find(({ metadata }) => metadata.name === name)?.spec
const deployment = (name: string) => specOf('Deployment', name) as DeploymentSpec | undefined
const common = deployment('every-role')?.template.spec
const [container] = common?.containers ?? []

describe('deploy/kubernetes/base', () => {
  it('has one Deployment a role, which runs that role within limits', () => {
    const names = ofKind('Deployment').map(({ metadata }) => metadata.name)
    expect(names.toSorted()).toEqual([...roles.map((role) => `pairstream-${role}`), 'every-role'].sort())
    for (const role of roles) {
      const [own] = deployment(`pairstream-${role}`)?.template.spec.containers ?? []
      expect(own?.args).toEqual(['serve', '--roles', role])
      expect(Object.keys(own?.resources.requests ?? {})).toEqual(expect.arrayContaining(['cpu', 'memory']))
      expect(Object.keys(own?.resources.limits ?? {})).toEqual(expect.arrayContaining(['cpu', 'memory']))
    }
  })

  it('probes and secures them all', () => {
    expect(container?.startupProbe.httpGet.path).toBe('/health/live')
    expect(container?.livenessProbe.httpGet.path).toBe('/health/live')
    expect(container?.readinessProbe.httpGet.path).toBe('/health/ready')
    expect(container?.ports).toEqual([{ name: 'http', containerPort: 8080 }])
    expect(common?.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
    expect(container?.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    const asked = { name: 'REQUIRE_CREDENTIALS', value: 'true' }
    expect(container?.env).toEqual(expect.arrayContaining([{ name: 'HOST', value: '0.0.0.0' }, asked]))
    expect(common?.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(20)
  })

  it('never has two trainers', () => {
    expect(deployment('pairstream-train')).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } })
  })

  it('leaves the number of replicas to what scales them', () => {
    const scaled = [...ofKind('HorizontalPodAutoscaler'), ...ofKind('ScaledObject')]
    const targets = scaled.map(({ spec }) => (spec['scaleTargetRef'] as { name: string }).name)
    expect(targets.sort()).toEqual(['pairstream-api', 'pairstream-embed'])
    for (const name of targets) expect(deployment(name)?.replicas).toBeUndefined()
  })

  it('scales embedding by the groups of generations, to as many processes as there are partitions', () => {
    const spec = specOf('ScaledObject', 'pairstream-embed')
    const triggers = spec?.['triggers'] as { type: string; metadata: Readonly<Record<string, string>> }[]
    expect(triggers.map(({ type }) => type)).toEqual(['prometheus', 'kafka'])
    const group = /group=~"([^"]+)"/.exec(triggers[0]?.metadata['query'] ?? '')?.[1] ?? ''
    expect(embedGroup('g7-1f0c9a2e')).toMatch(new RegExp(`^(?:${group})$`))
    expect(triggers[1]?.metadata).toMatchObject({ consumerGroup: embedProgressGroup, topic: 'pairs' })
    expect(spec?.['maxReplicaCount']).toBe(
      settings.shape.PARTITIONS.parse(variablesOf(`${base}/settings.env`)['PARTITIONS']),
    )
    expect(spec?.['minReplicaCount']).toBeGreaterThan(0)
  })

  it('allows nothing by default, and the servers that it is configured for', () => {
    expect(specOf('NetworkPolicy', 'pairstream-default-deny')).toEqual({
      podSelector: { matchLabels: { 'app.kubernetes.io/name': 'pairstream' } },
      policyTypes: ['Ingress', 'Egress'],
    })
    const [rule] = specOf('NetworkPolicy', 'pairstream-servers')?.['egress'] as [{ ports: { port: number }[] }]
    const values = Object.values(variablesOf(`${base}/settings.env`))
    const used = values.flatMap((value) => /[a-z]:(\d+)/.exec(value)?.[1] ?? []).map(Number)
    expect(used.length).toBeGreaterThan(4)
    expect(rule.ports.map(({ port }) => port)).toEqual(expect.arrayContaining(used))
  })

  it('lists every file once', () => {
    const { resources: listed } = readYaml(`${base}/kustomization.yaml`) as { resources: string[] }
    const files = filesBelow(base).map((path) => path.slice(base.length + 1))
    const others = ['every-role.yaml', 'kustomization.yaml', 'settings.env']
    expect(listed.toSorted()).toEqual(files.filter((path) => !others.includes(path)))
  })
})

describe('the settings in deploy/kubernetes', () => {
  const merged = readYaml(`${overlay}/kustomization.yaml`) as { configMapGenerator: { literals: string[] }[] }
  const literals = (merged.configMapGenerator[0]?.literals ?? []).map((text) => [
    text.slice(0, text.indexOf('=')),
    text.slice(text.indexOf('=') + 1),
  ])
  const ownSettings = variablesOf(`${base}/settings.env`)
  const overlaid = {
    ...ownSettings,
    ...(Object.fromEntries(literals) as object),
    ...variablesOf(`${overlay}/secrets.env`),
  }

  it.each([
    ['base', ownSettings],
    ['overlay', overlaid],
  ])('are ones that a role starts with: %s', (_, environment) => {
    expect(
      unknownVariables({ ...environment, ...Object.fromEntries((container?.env ?? []).map(({ name }) => [name, ''])) }),
    ).toEqual([])
    const { drivers } = configurationOf(environment)
    expect(Object.values(drivers).map(({ kind }) => kind)).toEqual(['kafka', 'qdrant', 's3', 'mlflow'])
  })

  it('are laid over one another by an overlay whose secrets are no real ones', () => {
    expect(new Set(Object.values(variablesOf(`${overlay}/secrets.env`)))).toEqual(new Set(['pairstream', 'change-me']))
    expect(filesBelow('deploy/kubernetes').map((path) => basename(dirname(path)))).toContain('example')
  })
})
