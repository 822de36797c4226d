import avro from 'avsc'

type Published = { readonly id: number; readonly version: number; readonly schema: string }

/** Confluent's framing by the registry alone, without this project's schemas. */
export type RegistryFraming = {
  /** Writes with the latest schema of a subject. */
  frame(subject: string, value: object): Promise<Buffer>
  /** Reads with the schema that the frame names. */
  unframe(framed: Buffer): Promise<Record<string, unknown>>
}

const typeOf = (schema: string): avro.Type =>
  avro.Type.forSchema(JSON.parse(schema) as avro.Schema, { wrapUnions: 'never' })

export function createRegistryFraming(registry: string): RegistryFraming {
  const get = async <T>(path: string): Promise<T> => (await (await fetch(`${registry}${path}`)).json()) as T
  return {
    async frame(subject, value) {
      const { id, schema } = await get<Published>(`/subjects/${subject}/versions/latest`)
      const head = Buffer.alloc(5)
      head.writeUInt32BE(id, 1)
      return Buffer.concat([head, typeOf(schema).toBuffer(value)])
    },
    async unframe(framed) {
      if (framed[0] !== 0) throw new Error('The value is not framed.')
      const { schema } = await get<Published>(`/schemas/ids/${framed.readUInt32BE(1)}`)
      return typeOf(schema).fromBuffer(framed.subarray(5)) as Record<string, unknown>
    },
  }
}
