/** The sandboxes of the simulated runtime, and what they hold for their containers: address, network, process ids. */

import type { Network, NetworkStack } from '../network/network.ts';
import { PidNamespace } from '../process/pid-namespace.ts';
import type { AddressRange } from './addresses.ts';
import type { PodSandbox, PodSandboxConfig } from './runtime.ts';
import { Siblings } from './siblings.ts';

export interface SandboxesOptions {
  /** The address of a node and the range of its pods. */
  addresses: (node: string) => { hostIp: string; range: AddressRange };
  network: Network;
}

export class Sandboxes {
  readonly #options: SandboxesOptions;
  readonly #all = new Map<string, PodSandbox>();
  readonly #ofPod = new Siblings();
  /** By sandbox, while it is ready. */
  readonly #stacks = new Map<string, NetworkStack>();
  /** Of the sandboxes whose containers share their process ids. */
  readonly #pids = new Map<string, PidNamespace>();

  constructor(options: SandboxesOptions) {
    this.#options = options;
  }

  get(id: string): PodSandbox | undefined {
    return this.#all.get(id);
  }

  list({ node, podUid }: { node?: string; podUid?: string }): PodSandbox[] {
    const all =
      podUid === undefined ? [...this.#all.values()] : this.#ofPod.of(podUid).map((id) => this.#all.get(id)!);
    return node === undefined ? all : all.filter((each) => each.node === node);
  }

  /** One without a network yet. */
  add(sandbox: PodSandbox): void {
    this.#all.set(sandbox.id, sandbox);
    this.#ofPod.add(sandbox.uid, sandbox.id);
  }

  /**
   * One that was there before this process began, with its address. False when another sandbox has
   * that by now: it is lost then, and not kept.
   */
  adopt(sandbox: PodSandbox): boolean {
    const isReady = sandbox.state === 'SANDBOX_READY';
    const { range } = this.#options.addresses(sandbox.node);
    if (isReady && !sandbox.hostNetwork && !range.reserve(sandbox.ip)) return false;
    if (isReady) this.#attach(sandbox);
    this.add(sandbox);
    return true;
  }

  /** Sets up its network: it is ready then. @throws Error when there is no address left */
  connect(sandbox: PodSandbox): void {
    sandbox.ip = this.#allocateAddress(sandbox, sandbox.id);
    sandbox.state = 'SANDBOX_READY';
    this.#attach(sandbox);
  }

  /** Takes its network down, and gives its address back. */
  disconnect({ id, uid, node, hostNetwork, ip }: PodSandbox): void {
    this.#stacks.delete(id);
    this.#pids.delete(id);
    this.#options.network.detach(uid);
    if (!hostNetwork) this.#options.addresses(node).range.release(ip);
  }

  /** Forgets it; one that is still ready loses its network first. */
  remove(sandbox: PodSandbox): void {
    if (sandbox.state === 'SANDBOX_READY') this.disconnect(sandbox);
    this.#all.delete(sandbox.id);
    this.#ofPod.delete(sandbox.uid, sandbox.id);
  }

  /** Of a sandbox that is ready. */
  stackOf(id: string): NetworkStack | undefined {
    return this.#stacks.get(id);
  }

  /** The namespace of process ids that the containers share, if they do. */
  pidsOf({ id, sharesProcesses, createdAtMs }: PodSandbox): PidNamespace | undefined {
    if (sharesProcesses !== true) return undefined;
    let pids = this.#pids.get(id);
    if (pids === undefined) {
      pids = new PidNamespace({ uid: 65_535, argv: ['/pause'], startedAtMs: createdAtMs });
      this.#pids.set(id, pids);
    }
    return pids;
  }

  #allocateAddress({ node, hostNetwork }: PodSandboxConfig, id: string): string {
    const { hostIp, range } = this.#options.addresses(node);
    if (hostNetwork) return hostIp;
    try {
      return range.allocate();
    } catch (error) {
      throw new Error(`failed to setup network for sandbox "${id}": ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  #attach({ id, node, uid, ip, hostNetwork, hostname, fqdn, dns, hostAliases }: PodSandbox): void {
    const named = fqdn === undefined ? {} : { fqdn };
    const config = { node, podUid: uid, ip, hostNetwork, hostname, ...named, dns, hostAliases };
    this.#stacks.set(id, this.#options.network.attach(config));
  }
}
