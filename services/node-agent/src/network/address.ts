/** IPv4 addresses as text. Pure. */

import { BlockList, isIPv4 } from 'node:net';

export const LOOPBACK = '127.0.0.1';
export const ANY_ADDRESS = '0.0.0.0';

export { isIPv4 };

export function isLoopback(ip: string): boolean {
  return ip.startsWith('127.');
}

/** What programs write for an address, in the one form that the network knows: there is only IPv4. */
export function canonicalHost(host: string): string {
  switch (host) {
    case 'localhost':
    case '::1':
    case '[::1]':
      return LOOPBACK;
    case '':
    case '*':
    case '::':
    case '[::]':
      return ANY_ADDRESS;
    default:
      return host;
  }
}

/** The first three octets: pod ranges are /24. */
export function prefixOf(ip: string): string {
  return ip.slice(0, ip.lastIndexOf('.'));
}

/** Whether an address lies in a range such as 10.0.0.0/8. */
export function isInRange(ip: string, range: string): boolean {
  const [network = '', bits = ''] = range.trim().split('/');
  if (!isIPv4(network) || !isIPv4(ip)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(bits), 'ipv4');
  return list.check(ip, 'ipv4');
}
