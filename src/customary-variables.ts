/** The names under which other programs of the field know a setting, and how their values are said here. */
const customary: Readonly<Record<string, { readonly name: string; readonly value: (text: string) => string }>> = {
  KAFKA_BROKERS: { name: 'EVENT_LOG_URL', value: (brokers) => `kafka://${brokers}` },
  MINIO_BUCKET: { name: 'BLOB_URL', value: (bucket) => `s3://${bucket}` },
  MINIO_ENDPOINT: {
    name: 'S3_ENDPOINT',
    value: (endpoint) => (endpoint.includes('://') ? endpoint : `http://${endpoint}`),
  },
  MINIO_ACCESS_KEY: { name: 'S3_ACCESS_KEY', value: (key) => key },
  MINIO_SECRET_KEY: { name: 'S3_SECRET_KEY', value: (key) => key },
  MLFLOW_TRACKING_URI: { name: 'TRACKING_URL', value: (url) => url },
}

export const customaryVariables: readonly string[] = Object.keys(customary)

/** The environment with the customary variables under the names of the settings; a setting's own name goes before. */
export function withCustomaryVariables(
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  const translated: Record<string, string> = {}
  for (const [alias, { name, value }] of Object.entries(customary)) {
    const given = environment[alias]
    if (given !== undefined && given !== '') translated[name] = value(given)
  }
  const own = Object.entries(environment).filter(([, value]) => value !== undefined && value !== '')
  return { ...translated, ...Object.fromEntries(own) }
}
