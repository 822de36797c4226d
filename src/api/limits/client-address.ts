import { BlockList, isIP } from 'node:net'

/** Where a request comes from, as far as can be told. */
export type Client = {
  /** An IPv4 address, or the first 64 bits of an IPv6 one, which are one customer's; `unknown` without a connection. */
  readonly address: string
  /** Whether it came over TLS, by the word of a proxy that is believed. */
  readonly isSecure: boolean
}

/** The connection's own address and the headers of proxies. */
type Facts = { readonly remote: string | undefined; readonly header: (name: string) => string | undefined }

/**
 * Tells where requests come from: the address of the connection, or, where that is a proxy of `trusted` (addresses and networks), the last one
 * in `X-Forwarded-For` that is not. What others write into the header is not believed.
 */
export function createClientFinder(trusted: readonly string[]): (facts: Facts) => Client {
  const proxies = new BlockList()
  for (const network of trusted) {
    const [address = '', bits] = network.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) proxies.addAddress(address, family)
    else proxies.addSubnet(address, Number(bits), family)
  }
  const isProxy = (address: string): boolean =>
    isIP(address) !== 0 && proxies.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

  return ({ remote, header }) => {
    const own = plain(remote ?? '')
    if (!isProxy(own)) return { address: shared(own), isSecure: false }
    const hops = (header('x-forwarded-for') ?? '').split(',').map(hopAddress)
    // What is no address was written by nobody who is trusted, nor what stands before it.
    const client = hops.findLast((hop) => !isProxy(hop)) ?? own
    return {
      address: shared(isIP(client) === 0 ? own : client),
      isSecure: header('x-forwarded-proto')?.trim() === 'https',
    }
  }
}

/** A hop without the port and the brackets that some proxies write. */
const hopAddress = (hop: string): string =>
  plain(
    hop
      .trim()
      .replace(/^\[(.*)\](?::\d+)?$/, '$1')
      .replace(/^(\d+(?:\.\d+){3}):\d+$/, '$1'),
  )

/** An IPv4 address that a socket of IPv6 shows is that address. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '')

function shared(address: string): string {
  if (isIP(address) === 4) return address
  if (isIP(address) !== 6) return 'unknown'
  const [head = '', tail] = address.toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right]
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
