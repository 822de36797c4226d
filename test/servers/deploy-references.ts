import type { Resource } from '../deploy/deployed-files.ts'

type Labels = Readonly<Record<string, string>>
type Named = { readonly name: string; readonly key?: string }
type Container = {
  readonly env?: readonly { readonly name: string }[]
  readonly envFrom?: readonly { readonly configMapRef?: Named; readonly secretRef?: Named }[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly volumeMounts: readonly Named[]
} & Readonly<
  Record<'startupProbe' | 'livenessProbe' | 'readinessProbe', { readonly httpGet: { readonly port: string } }>
>
type Template = {
  readonly metadata: { readonly labels: Labels }
  readonly spec: {
    readonly serviceAccountName: string
    readonly containers: readonly Container[]
    readonly volumes: readonly {
      readonly name: string
      readonly persistentVolumeClaim?: { readonly claimName: string }
    }[]
  }
}
type Trigger = { readonly authenticationRef?: Named; readonly metadata: Labels }
type Selector = { readonly matchLabels: Labels }
/** The fields by which resources refer to one another, of all kinds that are deployed. */
type Spec = {
  readonly template: Template
  readonly selector: Selector | Labels
  readonly podSelector: Selector
  readonly scaleTargetRef: Named
  readonly triggers: readonly Trigger[]
  readonly secretTargetRef: readonly Named[]
  readonly ports: readonly { readonly targetPort: string }[]
  readonly ingress?: readonly { readonly ports: readonly { readonly port: number }[] }[]
}
type Whole = Resource & {
  readonly metadata: { readonly namespace?: string }
  readonly data?: Labels
}

const within = (labels: Labels, selector: Labels): boolean =>
  Object.entries(selector).every(([name, value]) => labels[name] === value)

/** What of each resource refers to something that is not among them, as `Kind/name: what is missing`; none where everything is. */
export function unresolvedReferences(resources: readonly Resource[]): string[] {
  const all = resources as readonly Whole[]
  const find = (kind: string, name: string) => all.find((one) => one.kind === kind && one.metadata.name === name)
  const specOf = (one: Whole) => one.spec as unknown as Spec
  const deployments = all.filter(({ kind }) => kind === 'Deployment')
  const selected = (selector: Labels) =>
    deployments.map((one) => specOf(one).template).filter(({ metadata }) => within(metadata.labels, selector))

  const missing = (kind: string, { name, key }: Named): string[] => {
    const found = find(kind, name)
    if (found === undefined) return [`${kind} ${name}`]
    return key === undefined || key in (found.data ?? {}) ? [] : [`${kind} ${name}, key ${key}`]
  }
  const unselected = (selector: Labels): string[] =>
    selected(selector).length > 0 ? [] : [`pods with ${JSON.stringify(selector)}`]

  const ofContainer = (container: Container, { spec }: Template): string[] => {
    const { envFrom = [], volumeMounts, ports, startupProbe, livenessProbe, readinessProbe } = container
    const probed = [startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet.port)
    return [
      ...envFrom.flatMap(({ configMapRef, secretRef }) => [
        ...(configMapRef === undefined ? [] : missing('ConfigMap', configMapRef)),
        ...(secretRef === undefined ? [] : missing('Secret', secretRef)),
      ]),
      ...volumeMounts
        .filter((mount) => !spec.volumes.some(({ name }) => name === mount.name))
        .map(({ name }) => `volume ${name}`),
      ...probed.filter((port) => !ports.some(({ name }) => name === port)).map((port) => `port ${port}`),
    ]
  }
  const ofPod = (template: Template, selector: Labels): string[] => [
    ...(within(template.metadata.labels, selector) ? [] : ['pods of its own']),
    ...missing('ServiceAccount', { name: template.spec.serviceAccountName }),
    ...template.spec.volumes.flatMap(({ persistentVolumeClaim: claim }) =>
      claim === undefined ? [] : missing('PersistentVolumeClaim', { name: claim.claimName }),
    ),
    ...template.spec.containers.flatMap((container) => ofContainer(container, template)),
  ]

  /** The variables of the first container, which is where KEDA looks. */
  const variablesOf = (deployment: Whole | undefined): string[] => {
    const [{ env = [], envFrom = [] } = {}] =
      deployment === undefined ? [] : specOf(deployment).template.spec.containers
    const maps = envFrom.flatMap(({ configMapRef }) => find('ConfigMap', configMapRef?.name ?? '') ?? [])
    return [...env.map(({ name }) => name), ...maps.flatMap(({ data }) => Object.keys(data ?? {}))]
  }
  const ofTrigger = ({ authenticationRef, metadata }: Trigger, target: string): string[] => [
    ...(authenticationRef === undefined ? [] : missing('TriggerAuthentication', authenticationRef)),
    ...Object.entries(metadata)
      .filter(([name, value]) => name.endsWith('FromEnv') && !variablesOf(find('Deployment', target)).includes(value))
      .map(([, value]) => `variable ${value}`),
  ]

  const kinds: Readonly<Record<string, (spec: Spec) => string[]>> = {
    Deployment: ({ template, selector }) => ofPod(template, (selector as Selector).matchLabels),
    Service: ({ selector, ports }) => [
      ...unselected(selector as Labels),
      ...selected(selector as Labels).flatMap(({ spec }) =>
        ports
          .filter(({ targetPort }) => !spec.containers.some((one) => one.ports.some(({ name }) => name === targetPort)))
          .map(({ targetPort }) => `port ${targetPort}`),
      ),
    ],
    HorizontalPodAutoscaler: ({ scaleTargetRef }) => missing('Deployment', scaleTargetRef),
    ScaledObject: ({ scaleTargetRef, triggers }) => [
      ...missing('Deployment', scaleTargetRef),
      ...triggers.flatMap((trigger) => ofTrigger(trigger, scaleTargetRef.name)),
    ],
    TriggerAuthentication: ({ secretTargetRef }) => secretTargetRef.flatMap((named) => missing('Secret', named)),
    PodDisruptionBudget: ({ selector }) => unselected((selector as Selector).matchLabels),
    NetworkPolicy: ({ podSelector, ingress = [] }) => [
      ...unselected(podSelector.matchLabels),
      ...selected(podSelector.matchLabels).flatMap(({ spec }) =>
        ingress
          .flatMap(({ ports }) => ports)
          .filter(({ port }) => !spec.containers.some((one) => one.ports.some((own) => own.containerPort === port)))
          .map(({ port }) => `port ${port}`),
      ),
    ],
  }

  return all.flatMap((one) => {
    const { namespace, name } = one.metadata
    const missed = [
      ...(kinds[one.kind]?.(specOf(one)) ?? []),
      ...(namespace === undefined ? [] : missing('Namespace', { name: namespace })),
    ]
    return [...new Set(missed)].map((what) => `${one.kind}/${name}: ${what}`)
  })
}
