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
  HF_ENDPOINT: { name: 'HUB_URL', value: (url) => url },
  HF_TOKEN: { name: 'HUB_TOKEN', value: (token) => token },
  HF_HUB_OFFLINE: { name: 'HUB_OFFLINE', value: (text) => String(/^(1|true|yes|on)$/i.test(text)) },
  MLFLOW_TRACKING_URI: { name: 'TRACKING_URL', value: (url) => url },
}

export const customaryVariables: readonly string[] = Object.keys(customary)

type CustomaryValue = { readonly variable: string; readonly value: string }

/** What the customary variables of the environment say, by the setting that they stand for. */
export function customaryValues(
  environment: Readonly<Record<string, string | undefined>>,
): ReadonlyMap<string, CustomaryValue> {
  return new Map(
    Object.entries(customary).flatMap(([variable, { name, value }]): [string, CustomaryValue][] => {
      const given = environment[variable]
      return given === undefined || given === '' ? [] : [[name, { variable, value: value(given) }]]
    }),
  )
}
