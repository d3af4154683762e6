/** What listens in one network namespace. Pure. */

import { random } from '@orrery/kit/random.ts';
import { ANY_ADDRESS } from './address.ts';
import { NetworkError, type PortService } from './network.ts';
import type { Sockets } from './sockets.ts';

export type Protocol = 'TCP' | 'UDP';

export interface Binding {
  readonly port: number;
  readonly protocol: Protocol;
  /** An address of the namespace, or 0.0.0.0 for all. */
  readonly host: string;
  readonly service: PortService;
  /** Whose it is. */
  readonly sockets: Sockets;
}

/** Linux' net.ipv4.ip_local_port_range. */
const FIRST_FREE_PORT = 32_768;
const LAST_FREE_PORT = 60_999;

export class PortTable {
  readonly #byPort = new Map<number, Binding[]>();

  /** @throws NetworkError EADDRINUSE when somebody listens there already (bind(2), without SO_REUSEPORT). */
  add(binding: Binding): void {
    const { port, protocol, host } = binding;
    if (!this.isFree(port, protocol, host)) throw new NetworkError('EADDRINUSE');
    const others = this.#byPort.get(port);
    if (others === undefined) this.#byPort.set(port, [binding]);
    else others.push(binding);
  }

  remove(binding: Binding): void {
    const rest = this.#byPort.get(binding.port)?.filter((each) => each !== binding) ?? [];
    if (rest.length === 0) this.#byPort.delete(binding.port);
    else this.#byPort.set(binding.port, rest);
  }

  isFree(port: number, protocol: Protocol, host: string): boolean {
    const others = this.#byPort.get(port) ?? [];
    return !others.some(
      (each) =>
        each.protocol === protocol &&
        (each.host === host || each.host === ANY_ADDRESS || host === ANY_ADDRESS),
    );
  }

  /** @throws NetworkError EADDRINUSE when none is left. */
  freePort(protocol: Protocol, host: string): number {
    const count = LAST_FREE_PORT - FIRST_FREE_PORT + 1;
    const first = Math.floor(random() * count);
    for (let step = 0; step < count; step += 1) {
      const port = FIRST_FREE_PORT + ((first + step) % count);
      if (this.isFree(port, protocol, host)) return port;
    }
    throw new NetworkError('EADDRINUSE');
  }

  /** Who takes a TCP connection that comes to this address of the namespace. */
  find(ip: string, port: number): Binding | undefined {
    const isHere = ({ host }: Binding): boolean => host === ANY_ADDRESS || host === ip;
    return this.#byPort.get(port)?.find((each) => each.protocol === 'TCP' && isHere(each));
  }

  list(): Binding[] {
    return [...this.#byPort.values()].flat();
  }
}
