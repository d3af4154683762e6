import type { Duplex } from 'node:stream';
import { settle } from '@orrery/kit/manual-clock.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { echo, NetworkUnderTest } from '../test-support/network-under-test.ts';
import { type Listener, NetworkError, type NetworkStack } from './network.ts';

/** Two pods on each of two agents, two of them on the network of their node. */
const PODS = [
  { node: 'node-1', ip: '10.244.0.2', hostNetwork: false },
  { node: 'node-1', ip: '10.0.0.10', hostNetwork: true },
  { node: 'node-1', ip: '10.0.0.10', hostNetwork: true },
  { node: 'node-2', ip: '10.244.1.2', hostNetwork: false },
] as const;

const pod = fc.nat({ max: PODS.length - 1 });
const port = fc.constantFrom(80, 80, 81);
const step = fc.oneof(
  fc.record({ what: fc.constantFrom('start', 'stop', 'endProcess'), pod }),
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('listen'),
      pod,
      port,
      host: fc.constantFrom('0.0.0.0', '0.0.0.0', '127.0.0.1'),
    }),
  },
  fc.record({ what: fc.constant('close'), pod, port }),
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constantFrom('connect', 'request'),
      pod,
      port,
      to: pod,
      local: fc.boolean(),
    }),
  },
);
type Step = { what: string; pod: number; port?: number; host?: string; to?: number; local?: boolean };

interface Open {
  connection: Duplex;
  /** Who has opened it. */
  life: Life;
}

/** One process of a pod, while the pod is there. */
interface Life {
  stack: NetworkStack;
  ended: AbortController;
  /** By port: on which address, and whether HTTP is spoken. */
  listeners: Map<number, { listener: Listener; host: string; isHttp: boolean }>;
  over: boolean;
}

/** How a call went, and how it should have. */
interface Outcome {
  got: string;
  expected: string;
}

function codeOf(error: unknown): string {
  if (error instanceof NetworkError) return error.code;
  throw error;
}

class Model {
  readonly net = new NetworkUnderTest({ 'agent-0': ['node-1'], 'agent-1': ['node-2'] });
  readonly lives: (Life | undefined)[] = PODS.map(() => undefined);
  readonly stacks: (NetworkStack | undefined)[] = PODS.map(() => undefined);
  readonly open: Open[] = [];

  apply({
    what,
    pod: index,
    port: on = 0,
    host = '',
    to = 0,
    local = false,
  }: Step): Promise<Outcome> | Outcome | void {
    const life = this.lives[index];
    if (what === 'start') return this.start(index);
    if (life === undefined) return;
    switch (what) {
      case 'stop':
        this.net.agent(PODS[index]!.node === 'node-1' ? 'agent-0' : 'agent-1').detach(`pod-${index}`);
        this.stacks[index] = undefined;
        return this.end(index, life);
      case 'endProcess':
        life.ended.abort();
        this.end(index, life);
        this.lives[index] = this.newLife(this.stacks[index]!);
        return;
      case 'listen':
        return this.listen(index, life, on, host);
      case 'close':
        life.listeners.get(on)?.listener.close();
        life.listeners.delete(on);
        return;
      default:
        return this.reach(life, what, local ? index : to, on, local);
    }
  }

  start(index: number): void {
    if (this.stacks[index] !== undefined) return;
    const { ip, ...rest } = PODS[index]!;
    this.stacks[index] = this.net.attach(`pod-${index}`, ip, rest);
    this.lives[index] = this.newLife(this.stacks[index]);
  }

  newLife(stack: NetworkStack): Life {
    const ended = new AbortController();
    return { stack: stack.ofProcess(ended.signal), ended, listeners: new Map(), over: false };
  }

  end(index: number, life: Life): void {
    life.over = true;
    this.lives[index] = undefined;
  }

  /** What takes what comes to that port where this pod is. */
  whatListens(index: number, on: number, ip: string): { isHttp: boolean } | undefined {
    for (const [other, life] of this.lives.entries()) {
      const found = life?.listeners.get(on);
      const isHere = found?.host === '0.0.0.0' || found?.host === ip;
      if (isHere && PODS[other]!.ip === PODS[index]!.ip) return found;
    }
    return undefined;
  }

  listen(index: number, life: Life, on: number, host: string): Outcome {
    const taken = this.lives.some(
      (each, other) => PODS[other]!.ip === PODS[index]!.ip && each?.listeners.has(on) === true,
    );
    const isHttp = index % 2 === 1;
    const expected = taken ? 'EADDRINUSE' : 'done';
    try {
      const listener = life.stack.listen(on, isHttp ? served : echo, { host });
      life.listeners.set(on, { listener, host, isHttp });
      return { got: 'done', expected };
    } catch (error) {
      return { got: codeOf(error), expected };
    }
  }

  async reach(life: Life, what: string, to: number, on: number, local: boolean): Promise<Outcome> {
    const ip = local ? '127.0.0.1' : PODS[to]!.ip;
    const server = this.whatListens(to, on, ip);
    const isThere = local || PODS[to]!.hostNetwork || this.stacks[to] !== undefined;
    const missing = isThere ? 'ECONNREFUSED' : 'EHOSTUNREACH';
    // What only sends back what it is sent speaks no HTTP.
    const present = what === 'connect' || server?.isHttp === true ? 'done' : 'ECONNRESET';
    const expected = server === undefined ? missing : present;
    try {
      if (what === 'connect') this.open.push({ connection: await life.stack.connect(ip, on), life });
      else await life.stack.request(ip, on, { target: '/' }, { timeoutMs: 5_000 });
      return { got: 'done', expected };
    } catch (error) {
      return { got: codeOf(error), expected };
    }
  }
}

const served = { http: () => ({ status: 200 }) };

test('what listens is reached, what is closed or gone is not, and no connection outlives its pods', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
      const model = new Model();
      for (const index of PODS.keys()) model.start(index);
      for (const each of steps) {
        const outcome = model.apply(each);
        // Enough for an address that nobody has.
        if (outcome instanceof Promise) void model.net.clock.advance(3_000);
        const { got, expected } = (await outcome) ?? { got: '', expected: '' };
        expect(got).toBe(expected);
      }
      await settle();
      expect(model.open.filter(({ connection, life }) => life.over && !connection.destroyed)).toEqual([]);
      for (const index of PODS.keys()) await model.apply({ what: 'stop', pod: index });
      await settle();
      expect(model.open.filter(({ connection }) => !connection.destroyed)).toEqual([]);
      expect(model.net.clock.pendingTimers).toBe(0);
    }),
    { numRuns: 200 },
  );
});
