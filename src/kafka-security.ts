import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { AppError } from './core/errors.ts'

export const saslMechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const
type SaslMechanism = (typeof saslMechanisms)[number]

/** How the brokers are convinced of who speaks to them, and the other way round. */
export type KafkaSecurity = {
  /** False for clear text; PEM texts where certificates were named. */
  readonly tls: boolean | Readonly<Record<'ca' | 'cert' | 'key', string | undefined>>
  readonly sasl: { readonly mechanism: SaslMechanism; readonly username: string; readonly password: string } | undefined
}

export type KafkaSecuritySettings = {
  readonly KAFKA_TLS: 'true' | 'false'
  readonly KAFKA_TLS_CA?: string | undefined
  readonly KAFKA_TLS_CERT?: string | undefined
  readonly KAFKA_TLS_KEY?: string | undefined
  readonly KAFKA_SASL_MECHANISM?: SaslMechanism | undefined
  readonly KAFKA_SASL_USERNAME?: string | undefined
  readonly KAFKA_SASL_PASSWORD?: string | undefined
}

/** Reads the files that are named. Throws `configuration-invalid` for what does not go together or cannot be used. */
export const chooseKafkaSecurity = (settings: KafkaSecuritySettings): KafkaSecurity => ({
  tls: chooseTls(settings),
  sasl: chooseSasl(settings),
})

function chooseSasl(settings: KafkaSecuritySettings): KafkaSecurity['sasl'] {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = settings
  if (username === undefined && password === undefined) {
    if (mechanism === undefined) return undefined
    throw invalid('KAFKA_SASL_MECHANISM', 'give KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD too, or leave it out')
  }
  if (username === undefined) throw invalid('KAFKA_SASL_USERNAME', 'there is a password; give the user too')
  if (password === undefined) throw invalid('KAFKA_SASL_PASSWORD', 'there is a user; give the password too')
  return { mechanism: mechanism ?? 'plain', username, password }
}

const files = ['KAFKA_TLS_CA', 'KAFKA_TLS_CERT', 'KAFKA_TLS_KEY'] as const
type FileSetting = (typeof files)[number]

function chooseTls(settings: KafkaSecuritySettings): KafkaSecurity['tls'] {
  const named = files.filter((name) => settings[name] !== undefined)
  const [first] = named
  if (first === undefined) return settings.KAFKA_TLS === 'true'
  if (settings.KAFKA_TLS === 'false') throw invalid(first, 'it needs TLS; set KAFKA_TLS=true')
  const { KAFKA_TLS_CERT: certFile, KAFKA_TLS_KEY: keyFile } = settings
  if (certFile === undefined && keyFile !== undefined) {
    throw invalid('KAFKA_TLS_CERT', 'there is a key; give the certificate too')
  }
  if (keyFile === undefined && certFile !== undefined) {
    throw invalid('KAFKA_TLS_KEY', 'there is a certificate; give its key too')
  }
  const ca = readPem(settings, 'KAFKA_TLS_CA')
  const cert = readPem(settings, 'KAFKA_TLS_CERT')
  const key = readPem(settings, 'KAFKA_TLS_KEY')
  if (cert !== undefined && key !== undefined && !new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
    throw invalid('KAFKA_TLS_KEY', 'it is not the key of the certificate that KAFKA_TLS_CERT names')
  }
  return { ca, cert, key }
}

function readPem(settings: KafkaSecuritySettings, name: FileSetting): string | undefined {
  const path = settings[name]
  if (path === undefined) return undefined
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    throw invalid(name, 'the file cannot be read')
  }
  const isKey = name === 'KAFKA_TLS_KEY'
  try {
    if (isKey) createPrivateKey(text)
    else new X509Certificate(text)
  } catch {
    throw invalid(name, `the file is no ${isKey ? 'private key without a passphrase' : 'certificate'} in PEM`)
  }
  return text
}

const invalid = (name: string, rule: string): AppError => new AppError('configuration-invalid', `${name}: ${rule}.`)
