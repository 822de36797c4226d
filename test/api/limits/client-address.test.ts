import { expect, it } from 'vitest'
import { createClientFinder } from '../../../src/api/limits/client-address.ts'

const clientOf = (trusted: readonly string[], remote: string | undefined, forwarded?: string, proto?: string) =>
  createClientFinder(trusted)({
    remote,
    header: (name) => ({ 'x-forwarded-for': forwarded, 'x-forwarded-proto': proto })[name],
  })
const PROXIES = ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32']

it.each([
  ['nobody is believed by default', [], '10.0.0.1', '203.0.113.9', '10.0.0.1'],
  ['a stranger is not believed', PROXIES, '198.51.100.1', '203.0.113.9', '198.51.100.1'],
  ['a proxy is', PROXIES, '10.0.0.1', '203.0.113.9', '203.0.113.9'],
  ['one by its address is', PROXIES, '::ffff:192.0.2.7', '203.0.113.9', '203.0.113.9'],
  ['what the client wrote before its proxy is not', PROXIES, '10.0.0.1', '1.1.1.1, 203.0.113.9', '203.0.113.9'],
  ['proxies behind proxies are passed', PROXIES, '10.0.0.1', '1.1.1.1, 203.0.113.9, 10.9.9.9', '203.0.113.9'],
  ['what is no address hides what stands before it', PROXIES, '10.0.0.1', '203.0.113.9, unknown', '10.0.0.1'],
  ['a port is no part of it', PROXIES, '10.0.0.1', '6.6.6.6, 203.0.113.9:4711', '203.0.113.9'],
  ['a port behind brackets is none', PROXIES, '10.0.0.1', '6.6.6.6, [2001:db9:0:1::7]:4711', '2001:db9:0:1::/64'],
  ['a proxy that says nothing is the client', PROXIES, '10.0.0.1', undefined, '10.0.0.1'],
  ['a proxy of IPv6', PROXIES, '2001:db8::1', '203.0.113.9', '203.0.113.9'],
  ['a network of IPv6 is one client', [], '2001:0db9:0:1:aaaa::1', undefined, '2001:db9:0:1::/64'],
  ['this machine by IPv6', [], '::1', undefined, '0:0:0:0::/64'],
  ['no connection', [], undefined, '203.0.113.9', 'unknown'],
] as const)('%s', (_, trusted, remote, forwarded, address) => {
  expect(clientOf(trusted, remote, forwarded).address).toBe(address)
})

it('believes who speaks TLS to the client only from a proxy', () => {
  expect(clientOf(PROXIES, '10.0.0.1', '203.0.113.9', 'https').isSecure).toBe(true)
  expect(clientOf(PROXIES, '10.0.0.1', '203.0.113.9', 'http').isSecure).toBe(false)
  expect(clientOf(PROXIES, '203.0.113.9', undefined, 'https').isSecure).toBe(false)
})
