/** IP addresses in fields. */

import { isIP, isIPv4, isIPv6 } from 'node:net';
import { type FieldError, field } from '@orrery/api/status-error.ts';

export { isIPv4, isIPv6 };

const IP_RULE = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const CIDR_RULE = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

/** Reports whether the address is well-formed. */
export function checkIp(value: string, path: string, errors: FieldError[]): boolean {
  if (isIP(value) !== 0) return true;
  errors.push(field.invalid(path, value, IP_RULE));
  return false;
}

export function checkCidr(value: string, path: string, errors: FieldError[]): void {
  const slash = value.indexOf('/');
  const family = slash < 0 ? 0 : isIP(value.slice(0, slash));
  const bits = value.slice(slash + 1);
  const valid = family !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
  if (!valid) errors.push(field.invalid(path, value, CIDR_RULE));
}

/** The first 16 bits of an IPv6 address. */
function firstGroup(value: string): number {
  return value.startsWith(':') ? 0 : Number.parseInt(value, 16);
}

/**
 * Addresses that mean something else on every node are no endpoints: unspecified, loopback,
 * link-local (`ValidateNonSpecialIP`).
 */
export function checkNotSpecialIp(value: string, path: string, errors: FieldError[]): void {
  const v4 = isIPv4(value);
  if (value === '0.0.0.0' || value === '::') {
    errors.push(field.invalid(path, value, `may not be unspecified (${value})`));
  }
  if (v4 ? value.startsWith('127.') : value === '::1') {
    errors.push(field.invalid(path, value, 'may not be in the loopback range (127.0.0.0/8, ::1/128)'));
  }
  const group = v4 ? 0 : firstGroup(value);
  if (v4 ? value.startsWith('169.254.') : group >= 0xfe80 && group <= 0xfebf) {
    errors.push(field.invalid(path, value, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'));
  }
  if (v4 ? value.startsWith('224.0.0.') : group === 0xff02) {
    errors.push(
      field.invalid(path, value, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'),
    );
  }
}
