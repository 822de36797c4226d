import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** Makes metrics that belong to one registry; prom-client would otherwise put them into one for the whole process. */
export function createMetricFactory(registry: Registry) {
  const registers = [registry]
  return {
    counter: <Label extends string>(name: string, help: string, labelNames: readonly Label[]): Counter<Label> =>
      new Counter({ name, help, labelNames, registers }),
    gauge: <Label extends string>(name: string, help: string, labelNames: readonly Label[]): Gauge<Label> =>
      new Gauge({ name, help, labelNames, registers }),
    histogram: <Label extends string>(
      name: string,
      help: string,
      labelNames: readonly Label[],
      buckets: number[],
    ): Histogram<Label> => new Histogram({ name, help, labelNames, buckets, registers }),
  }
}
