import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { roles } from '../../src/config.ts'
import { filesBelow, readText, root, type Resource } from '../deploy/deployed-files.ts'
import { unresolvedReferences } from './deploy-references.ts'
import { deployTools, type DeployTools } from './deploy-tools.ts'
import { runProgram } from './server-cache.ts'

let tools: DeployTools
let folder: string

beforeAll(async () => {
  tools = await deployTools()
  folder = await mkdtemp(join(tmpdir(), 'pairstream-deploy-'))
}, 900_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

/** What a program says of a text in a file; rejects where it ends with an error. */
async function check(name: string, text: string, command: string, ...values: readonly string[]): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text)
  return runProgram(command, [...values, path])
}

/** All that a program printed before it ended with an error. */
async function complaint(running: Promise<string>): Promise<string> {
  const failure = await running.then(
    () => new Error('It found nothing.'),
    (error: unknown) => error as Error & { stdout?: string },
  )
  return `${failure.message}\n${'stdout' in failure ? (failure.stdout ?? '') : ''}`
}

/** What checks a resource of KEDA by the definition that KEDA installs for its kind. */
async function kedaSchema(kind: string): Promise<ValidateFunction> {
  const path = join(tools.kedaDefinitions, `keda.sh_${kind.toLowerCase()}s.yaml`)
  const definition = parse(await readFile(path, 'utf8')) as {
    spec: { versions: { name: string; schema: { openAPIV3Schema: object } }[] }
  }
  const version = definition.spec.versions.find(({ name }) => name === 'v1alpha1')
  const ajv = new Ajv({ strict: false, allErrors: true })
  addFormats.default(ajv)
  return ajv.compile(version?.schema.openAPIV3Schema ?? false)
}

describe('docker-compose.yml', () => {
  it("is read by Compose's own parser, with every service", async () => {
    const model = parse(await runProgram(tools.compose, [join(root, 'docker-compose.yml')])) as {
      services: Record<string, { image: string }>
    }
    const servers = ['kafka', 'registry', 'qdrant', 'minio', 'mlflow', 'prometheus', 'alertmanager', 'grafana']
    expect(Object.keys(model.services).sort()).toEqual([...roles, ...servers].sort())
    for (const { image } of Object.values(model.services)) expect(image).not.toContain('$')
  })

  it('would not be, with a name that the specification lacks or a value of another kind', async () => {
    const text = readText('docker-compose.yml')
    const misspelt = text.replace('mem_limit:', 'memory_limit:')
    expect(await complaint(check('misspelt.yml', misspelt, tools.compose))).toContain('memory_limit')
    const mistaken = text.replace('restart: unless-stopped', 'restart: [soon]')
    expect(await complaint(check('mistaken.yml', mistaken, tools.compose))).toContain('restart')
  })
})

describe('the Dockerfiles', () => {
  const files = ['deploy/Dockerfile', 'deploy/mlflow/Dockerfile']

  it('have nothing that the linter finds', async () => {
    expect(filesBelow('deploy').filter((path) => path.endsWith('Dockerfile'))).toEqual(files)
    for (const file of files) expect(await runProgram(tools.hadolint, [join(root, file)])).toBe('')
  })

  it('would have, without a pinned version or with an instruction that there is not', async () => {
    const text = readText('deploy/Dockerfile')
    const unpinned = text.replaceAll(/node:[\d.]+-bookworm-slim/g, 'node')
    expect(await complaint(check('Unpinned', unpinned, tools.hadolint))).toContain('DL3006')
    const unknown = text.replace('STOPSIGNAL', 'STOPSIGN')
    expect(await complaint(check('Unknown', unknown, tools.hadolint))).toContain('unexpected')
  })
})

describe.each(['base', 'overlays/example'])('deploy/kubernetes/%s', (name) => {
  const built = (): Promise<string> => runProgram(tools.kustomize, ['build', join(root, 'deploy/kubernetes', name)])
  const validate = (file: string, text: string): Promise<string> => {
    const [python, script] = tools.kubernetesValidate
    return check(file, text, python, script, '--strict', '--no-warn', '-k', '1.33.0')
  }
  const resourcesIn = (text: string): Resource[] =>
    parseAllDocuments(text).map((document) => document.toJS() as Resource)

  it('is built by Kustomize into complete Deployments, one a role', async () => {
    const deployments = resourcesIn(await built()).filter(({ kind }) => kind === 'Deployment')
    expect(deployments.map(({ metadata }) => metadata.name).sort()).toEqual(
      roles.map((role) => `pairstream-${role}`).sort(),
    )
    for (const { spec, metadata } of deployments) {
      const template = spec['template'] as { spec: { containers: object[]; volumes: object[] } }
      expect(template.spec.containers, metadata.name).toHaveLength(1)
      expect(template.spec.containers[0], metadata.name).toMatchObject({
        name: 'pairstream',
        args: ['serve', '--roles', metadata.name.replace('pairstream-', '')],
        livenessProbe: {},
        readinessProbe: {},
        resources: { limits: {} },
        securityContext: { readOnlyRootFilesystem: true },
      })
      expect(template.spec.volumes, metadata.name).toHaveLength(2)
    }
  })

  it('fits the API schemas of Kubernetes', async () => {
    const text = await built()
    const said = await validate('built.yaml', text)
    const own = resourcesIn(text).filter(({ apiVersion }) => !apiVersion.startsWith('keda.sh/'))
    expect(said.match(/passed for resource/g)).toHaveLength(own.length)
    const misspelt = text.replaceAll('readinessProbe:', 'readynessProbe:')
    expect(await complaint(validate('misspelt.yaml', misspelt))).toContain('readynessProbe')
  })

  it("fits the schemas of KEDA's resources", async () => {
    const own = resourcesIn(await built()).filter(({ apiVersion }) => apiVersion.startsWith('keda.sh/'))
    expect(own.map(({ kind }) => kind)).toContain('ScaledObject')
    for (const resource of own) {
      const isValid = await kedaSchema(resource.kind)
      isValid(resource)
      expect(isValid.errors, resource.kind).toBeNull()
      expect(
        isValid({ ...resource, spec: { ...resource.spec, maxReplicaCount: 'many', secretTargetRef: 'one' } }),
      ).toBe(false)
    }
  })

  it('refers to nothing that is not there; the base leaves the secret to an overlay', async () => {
    const resources = resourcesIn(await built())
    const secret = roles.map((role) => `Deployment/pairstream-${role}: Secret pairstream-secrets`)
    expect(unresolvedReferences(resources).sort()).toEqual(name === 'base' ? secret.sort() : [])
    for (const kind of ['ServiceAccount', 'ConfigMap', 'PersistentVolumeClaim', 'Secret', 'TriggerAuthentication']) {
      const some = resources.filter((resource) => resource.kind !== kind)
      if (some.length < resources.length) expect(unresolvedReferences(some).join(), kind).toContain(`: ${kind} `)
    }
    const [scaled] = resources.filter(({ kind }) => kind === 'ScaledObject')
    expect(unresolvedReferences(scaled === undefined ? [] : [scaled]).join()).toContain(': Deployment pairstream-embed')
  })

  it('lets the API be rolled out while no replica of it is ready', async () => {
    const api = resourcesIn(await built()).find(
      ({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'pairstream-api',
    )
    expect(api?.spec['strategy']).toEqual({ rollingUpdate: { maxUnavailable: 1 } })
  })
})

describe('deploy/prometheus and deploy/alertmanager', () => {
  const at = (file: string): string => join(root, 'deploy/prometheus', file)

  it("is a configuration, with rules, for Prometheus' own checks", async () => {
    // The key that it names as a file is not here.
    const configuration = ['check', 'config', '--syntax-only', at('prometheus.yml')]
    expect(await runProgram('promtool', configuration)).toContain('is valid')
    expect(await runProgram('promtool', ['check', 'rules', at('rules.yml')])).toContain('rules found')
  })

  it("has routes for Alertmanager's own checks, and each class goes where it should", async () => {
    const file = join(root, 'deploy/alertmanager/alertmanager.yml')
    expect(await runProgram('amtool', ['check-config', file])).toContain('SUCCESS')
    const routed = async (severity: string) =>
      (await runProgram('amtool', ['config', 'routes', 'test', '--config.file', file, `severity=${severity}`])).trim()
    expect([await routed('critical'), await routed('warning'), await routed('model')]).toEqual(['page', 'chat', 'chat'])
  })

  it('alerts as its tests say', async () => {
    expect(await runProgram('promtool', ['test', 'rules', at('rules.test.yml')])).toContain('SUCCESS')
  })
})
