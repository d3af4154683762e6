import type { KubeObject, Lease } from '@orrery/api/gen/types.ts';
import {
  alreadyExists,
  conflict,
  notFound,
  OBJECT_MODIFIED,
  serviceUnavailable,
} from '@orrery/api/status-error.ts';
import { Leases, type ResourceRef } from '@orrery/api/resources.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { ManualClock, settle } from '@orrery/kit/manual-clock.ts';
import { describe, expect, it } from 'vitest';
import { createElection, type Election, type ElectionOptions } from './election.ts';

const LEASES = { group: 'coordination.k8s.io', resource: 'leases' };

/** One Lease in a store that may be away or slow. */
class LeaseStore {
  lease: Lease | undefined;
  down = false;
  /** Writes wait for this, and then happen. */
  hold: Promise<void> | undefined;
  #revision = 0;

  get holder(): string | undefined {
    return this.lease?.spec.holderIdentity;
  }

  readonly client = {
    get: async <T extends KubeObject>(_resource: ResourceRef<T>): Promise<T> => {
      this.#check();
      if (this.lease === undefined) throw notFound(LEASES, 'x');
      return structuredClone(this.lease) as unknown as T;
    },
    create: async <T extends KubeObject>(_resource: ResourceRef<T>, object: unknown): Promise<T> => {
      this.#check();
      if (this.lease !== undefined) throw alreadyExists(LEASES, 'x');
      return this.#put(object as Lease) as unknown as T;
    },
    update: async <T extends KubeObject>(_resource: ResourceRef<T>, object: T): Promise<T> => {
      await this.hold;
      this.#check();
      if (this.lease === undefined) throw notFound(LEASES, 'x');
      if (object.metadata.resourceVersion !== this.lease.metadata.resourceVersion) {
        throw conflict(LEASES, 'x', OBJECT_MODIFIED);
      }
      return this.#put(object as unknown as Lease) as unknown as T;
    },
  };

  #check(): void {
    if (this.down) throw serviceUnavailable('away');
  }

  #put(lease: Lease): Lease {
    this.#revision += 1;
    const uid = lease.metadata.uid ?? `uid-${this.#revision}`;
    this.lease = {
      ...structuredClone(lease),
      metadata: { ...lease.metadata, uid, resourceVersion: String(this.#revision) },
    };
    return structuredClone(this.lease);
  }
}

interface Replica {
  election: Election;
  /** Epochs of its terms. */
  terms: number[];
  /** The last term's signal. */
  signal: () => AbortSignal;
}

function replica(
  store: LeaseStore,
  clock: ManualClock,
  identity: string,
  options: Partial<ElectionOptions> = {},
): Replica {
  const terms: number[] = [];
  let last = new AbortController().signal;
  const election = createElection({
    client: store.client,
    lease: 'kube-system/x',
    identity,
    clock,
    logger: silentLogger(),
    onStartedLeading: (signal, epoch) => {
      terms.push(epoch);
      last = signal;
    },
    ...options,
  });
  void election.run();
  return { election, terms, signal: () => last };
}

function set() {
  return { store: new LeaseStore(), clock: new ManualClock() };
}

describe('the first to come', () => {
  it('leads at once and goes on', async () => {
    const { store, clock } = set();
    const a = replica(store, clock, 'a');
    await settle();
    expect(a.election.fence()).toEqual({ lease: 'kube-system/x', uid: 'uid-1', epoch: 0 });
    await clock.advance(60_000);
    expect(a.terms).toEqual([0]);
    expect(a.election.leading).toBe(true);
    expect(store.lease).toMatchObject({
      metadata: { namespace: 'kube-system', name: 'x' },
      spec: { holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 },
    });
  });

  it('keeps others from leading', async () => {
    const { store, clock } = set();
    const a = replica(store, clock, 'a');
    await settle();
    const b = replica(store, clock, 'b');
    await clock.advance(120_000);
    expect(a.terms).toEqual([0]);
    expect(b.terms).toEqual([]);
    expect(b.election.fence()).toBeUndefined();
  });

  it('is one of two that come together', async () => {
    const { store, clock } = set();
    const both = [replica(store, clock, 'a'), replica(store, clock, 'b')];
    await clock.advance(5_000);
    expect(both.map(({ election }) => election.leading).filter(Boolean)).toHaveLength(1);
  });
});

describe('a successor', () => {
  it('of another name waits until nothing was renewed for the lease, then leads with a new epoch', async () => {
    const { store, clock } = set();
    const a = replica(store, clock, 'a');
    await settle();
    const b = replica(store, clock, 'b');
    await clock.advance(10_000);
    // Killed: it neither renews nor releases.
    store.client.update = failing(store, a);
    await clock.advance(14_000);
    expect(b.terms).toEqual([]);
    await clock.advance(4_000);
    expect(b.terms).toEqual([1]);
  });

  it('takes over at once when the leader leaves in good order', async () => {
    const { store, clock } = set();
    const a = replica(store, clock, 'a');
    await settle();
    const b = replica(store, clock, 'b');
    await clock.advance(1_000);
    await a.election.stop();
    expect(store.holder).toBe('');
    await clock.advance(250);
    expect(b.terms).toEqual([1]);
  });

  it('of the same name leads at once, with a new epoch', async () => {
    const { store, clock } = set();
    replica(store, clock, 'a');
    await settle();
    const restarted = replica(store, clock, 'a');
    await settle();
    expect(restarted.terms).toEqual([1]);
  });

  it('of the same name deposes its frozen predecessor for good', async () => {
    const { store, clock } = set();
    const frozen = replica(store, clock, 'a');
    await settle();
    const restarted = replica(store, clock, 'a');
    await clock.advance(60_000);
    expect(frozen.signal().aborted).toBe(true);
    expect(frozen.election.fence()).toBeUndefined();
    expect(frozen.terms).toEqual([0]);
    expect(restarted.terms).toEqual([1]);
    expect(restarted.election.leading).toBe(true);
  });
});

describe('a successor to a Lease that was deleted', () => {
  it.each(['a', 'b'])('has another proof and deposes the leader of before, as %s', async (name) => {
    const { store, clock } = set();
    const first = replica(store, clock, 'a');
    await settle();
    store.lease = undefined;
    const second = replica(store, clock, name);
    await settle();
    // The first has not looked yet: both count from zero.
    expect([first.terms, second.terms]).toEqual([[0], [0]]);
    expect(first.election.fence()).not.toEqual(second.election.fence());
    await clock.advance(60_000);
    expect(first.signal().aborted).toBe(true);
    expect(first.election.leading).toBe(false);
    expect([first.terms, second.terms]).toEqual([[0], [0]]);
    expect(second.election.leading).toBe(true);
  });
});

/** The store refuses the writes of one replica's epoch: as if its process were gone. */
function failing(store: LeaseStore, { terms }: Replica): LeaseStore['client']['update'] {
  const { update } = store.client;
  return (resource, object) => {
    const { spec } = object as unknown as Lease;
    return spec.leaseTransitions === terms[0] ? new Promise(() => undefined) : update(resource, object);
  };
}

describe('a leader', () => {
  it('stops when it could not renew in time, and leads again later with a new epoch', async () => {
    const { store, clock } = set();
    const a = replica(store, clock, 'a');
    await settle();
    store.down = true;
    await clock.advance(9_000);
    expect(a.signal().aborted).toBe(false);
    await clock.advance(1_500);
    expect(a.signal().aborted).toBe(true);
    store.down = false;
    await clock.advance(1_000);
    expect(a.terms).toEqual([0, 1]);
    expect(a.election.leading).toBe(true);
  });

  it('stops in time although a renewal hangs', async () => {
    const { store, clock } = set();
    const a = replica(store, clock, 'a');
    await settle();
    store.hold = new Promise(() => undefined);
    await clock.advance(10_500);
    expect(a.signal().aborted).toBe(true);
  });

  it('counts the lease from when it asked for a renewal, not from the late answer', async () => {
    const { store, clock } = set();
    const a = replica(store, clock, 'a');
    await settle();
    let answer = (): void => undefined;
    store.hold = new Promise((resolve) => (answer = resolve));
    // Asked after 2 s, answered after 8 s, and the last one that is.
    await clock.advance(8_000);
    store.hold = undefined;
    answer();
    await settle();
    store.down = true;
    await clock.advance(3_900);
    expect(a.signal().aborted).toBe(false);
    await clock.advance(200);
    expect(a.signal().aborted).toBe(true);
  });

  it('stops as soon as it finds another holder, whose Lease it leaves alone', async () => {
    const { store, clock } = set();
    const a = replica(store, clock, 'a');
    await settle();
    const lease = await store.client.get(Leases);
    const spec = { ...lease.spec, holderIdentity: 'b', leaseTransitions: 1 };
    await store.client.update(Leases, { ...lease, spec });
    await clock.advance(2_100);
    expect(a.signal().aborted).toBe(true);
    expect(a.election.fence()).toBeUndefined();
    expect(store.holder).toBe('b');
  });

  it('survives a short outage', async () => {
    const { store, clock } = set();
    const a = replica(store, clock, 'a');
    await settle();
    store.down = true;
    await clock.advance(5_000);
    store.down = false;
    await clock.advance(30_000);
    expect(a.terms).toEqual([0]);
    expect(a.signal().aborted).toBe(false);
  });

  it('recognizes its own renewal whose answer was lost', async () => {
    const { store, clock } = set();
    const a = replica(store, clock, 'a');
    await settle();
    const { update } = store.client;
    store.client.update = async (resource, object) => {
      store.client.update = update;
      await update(resource, object);
      throw serviceUnavailable('lost');
    };
    await clock.advance(30_000);
    expect(a.terms).toEqual([0]);
  });

  it('has no proof any more once its lease is over, before any timer ran', async () => {
    const { store } = set();
    const frozen = new (class extends ManualClock {
      skippedMs = 0;
      override now(): number {
        return super.now() + this.skippedMs;
      }
    })();
    const a = replica(store, frozen, 'a');
    await settle();
    expect(a.election.fence()).toBeDefined();
    frozen.skippedMs = 15_000;
    expect(a.election.fence()).toBeUndefined();
    expect(a.signal().aborted).toBe(true);
  });

  it('stops when a write of its was refused as fenced', async () => {
    const { store, clock } = set();
    const a = replica(store, clock, 'a');
    await settle();
    a.election.deposed();
    expect(a.signal().aborted).toBe(true);
    expect(a.election.fence()).toBeUndefined();
    await settle();
    expect(store.holder).toBe('a');
  });

  it('stops when its Lease was deleted, and begins anew with a higher epoch', async () => {
    const { store, clock } = set();
    const a = replica(store, clock, 'a');
    await settle();
    store.lease = undefined;
    await clock.advance(5_000);
    expect(a.terms).toEqual([0, 1]);
  });

  it('gives the lead away when its work fails', async () => {
    const { store, clock } = set();
    const epochs: number[] = [];
    const a = replica(store, clock, 'a', {
      onStartedLeading: (_signal, epoch) => {
        epochs.push(epoch);
        return epoch === 0 ? Promise.reject(new Error('broken')) : undefined;
      },
    });
    await clock.advance(1_000);
    expect(epochs).toEqual([0, 1]);
    expect(a.election.leading).toBe(true);
  });

  it('keeps its proof for what is in flight while it leaves, and the Lease until that has ended', async () => {
    const { store, clock } = set();
    let finish = (): void => undefined;
    const work = new Promise<void>((resolve) => (finish = resolve));
    let stopped = 0;
    const a = replica(store, clock, 'a', {
      onStartedLeading: () => work,
      onStoppedLeading: () => (stopped += 1),
    });
    await settle();
    const leaving = a.election.stop();
    await settle();
    expect(a.election.fence()).toBeDefined();
    expect(store.holder).toBe('a');
    finish();
    await leaving;
    expect(a.election.fence()).toBeUndefined();
    expect(store.holder).toBe('');
    expect(stopped).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('never shares an epoch with another term', async () => {
    const { store, clock } = set();
    const epochs: number[] = [];
    const options = { onStartedLeading: (_signal: AbortSignal, epoch: number) => void epochs.push(epoch) };
    for (const identity of ['a', 'b', 'a', 'a', 'b']) {
      const each = replica(store, clock, identity, options);
      await clock.advance(500);
      if (identity === 'b') await each.election.stop();
      else each.election.deposed();
      await clock.advance(16_000);
    }
    expect(new Set(epochs).size).toBe(epochs.length);
    expect(epochs).toEqual([...epochs].sort((x, y) => x - y));
  });
});
