import { describe, expect, it } from 'vitest';
import { createMetrics } from '@orrery/kit/metrics.ts';
import type { NetworkStack } from '../network/network.ts';
import { ContainerProbes } from '../probes/container-probes.ts';
import type { ProbeManager } from '../probes/probe-manager.ts';
import { AgentUnderTest, type Delays } from '../test-support/agent-under-test.ts';
import { container, recordersInto } from '../test-support/objects.ts';
import { isolatedNetwork } from '../test-support/cluster-parts.ts';
import type { HookRunner } from './hooks.ts';

/** An agent whose pods answer every HTTP request with `status`. */
class ProbingAgent {
  status = 200;
  readonly agent: AgentUnderTest;

  constructor({ hooks, delays = {} }: { hooks?: HookRunner; delays?: Delays } = {}) {
    // The agent is made with its probes, and they need its runtime.
    const probes: ProbeManager = {
      follow: (...all) => made.follow(...all),
      forget: (uid) => made.forget(uid),
      isReady: (each) => made.isReady(each),
      hasStarted: (each) => made.hasStarted(each),
      failure: (each) => made.failure(each),
      stopLivenessAndStartup: (uid) => made.stopLivenessAndStartup(uid),
    };
    const agent = new AgentUnderTest(delays, { probes, ...(hooks === undefined ? {} : { hooks }) });
    this.agent = agent;
    const stack: NetworkStack = {
      ...isolatedNetwork(() => '10.0.0.1').nodeStack('node-1'),
      ip: '10.0.0.1',
      request: () => Promise.resolve({ status: this.status, headers: {}, body: Buffer.from('') }),
    };
    const made = new ContainerProbes({
      clock: agent.clock,
      runtime: agent.runtime,
      network: { nodeStack: () => stack },
      events: recordersInto(agent.events),
      metrics: createMetrics(),
      onChange: (uid) => agent.manager.probed(uid),
    });
  }

  web() {
    const { containerStatuses = [] } = this.agent.stored('web')?.status ?? {};
    return containerStatuses[0];
  }

  isReady(): boolean {
    return this.agent.condition('web', 'Ready')?.status === 'True';
  }

  /** What the statuses of a container said of its readiness, one after the other. */
  readinessOf(name: string): (boolean | undefined)[] {
    return this.agent.api.calls
      .filter((call) => call.name === 'web')
      .map(({ body }) => body as { patch?: { status?: { containerStatuses?: Readiness[] } } } | undefined)
      .flatMap((body) => body?.patch?.status?.containerStatuses ?? [])
      .filter((each) => each.name === name)
      .map(({ ready }) => ready);
  }
}

interface Readiness {
  name: string;
  ready?: boolean;
}

const probe = { httpGet: { port: 80, path: '/' }, periodSeconds: 5 };

describe('a pod with a readiness probe', () => {
  const spec = { containers: [container('web', { readinessProbe: probe })] };

  it('is never ready before the probe has succeeded, and is so at once then', async () => {
    const probing = new ProbingAgent();
    const { agent } = probing;
    probing.status = 500;
    agent.create('web', spec);
    await agent.advance(9_000);
    expect(probing.web()).toMatchObject({ ready: false, started: true });
    expect(probing.readinessOf('web')).not.toContain(true);
    probing.status = 200;
    await agent.advance(1_000);
    expect(probing.web()?.ready).toBe(true);
    expect(probing.isReady()).toBe(true);
  });

  it('is not ready either while another of its containers is still being started', async () => {
    const probing = new ProbingAgent({ delays: { pullMs: 5_000, containerStartMs: 200 } });
    const { agent } = probing;
    probing.status = 500;
    agent.create('first');
    await agent.advance(20_000);
    const slow = container('slow', { image: 'other:1' });
    agent.create('web', { containers: [...spec.containers, slow] });
    await agent.advance(20_000);
    expect(agent.stored('web')?.status?.phase).toBe('Running');
    expect(probing.readinessOf('web')).not.toContain(true);
  });

  it('says that it is not ready any more while it ends', async () => {
    const probing = new ProbingAgent({ hooks: { run: () => new Promise(() => undefined) } });
    const { agent } = probing;
    const lifecycle = { preStop: { sleep: { seconds: 60 } } };
    agent.create('web', {
      containers: [container('web', { readinessProbe: { ...probe, failureThreshold: 1 }, lifecycle })],
    });
    await agent.advance(1_000);
    expect(probing.isReady()).toBe(true);
    agent.erase('web', 60);
    await agent.advance(1_000);
    probing.status = 503;
    await agent.advance(10_000);
    expect(probing.web()).toMatchObject({ ready: false, state: { running: {} } });
    expect(agent.stored('web')?.metadata.deletionTimestamp).toBeDefined();
  });
});

describe('a pod whose liveness probe fails', () => {
  it('has its container killed and started again', async () => {
    const probing = new ProbingAgent();
    const { agent } = probing;
    probing.status = 500;
    const livenessProbe = { ...probe, failureThreshold: 2, terminationGracePeriodSeconds: 1 };
    agent.create('web', { containers: [container('web', { livenessProbe })] });
    await agent.advance(4_000);
    expect(probing.web()?.restartCount).toBe(0);
    await agent.advance(4_000);
    expect(probing.web()).toMatchObject({ restartCount: 1, lastState: { terminated: {} } });
    const said = agent.events.map(({ reason, message }) => `${reason}: ${message}`);
    expect(said).toContain('Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500');
    expect(said).toContain('Killing: Container web failed liveness probe, will be restarted');
  });
});

describe('a container with a postStart hook', () => {
  const spec = {
    containers: [
      container('web', { lifecycle: { postStart: { sleep: { seconds: 5 } } }, readinessProbe: probe }),
    ],
  };

  it('does not run, as far as anybody can see, before its hook is over', async () => {
    const hook = Promise.withResolvers<void>();
    const probing = new ProbingAgent({ hooks: { run: () => hook.promise } });
    const { agent } = probing;
    agent.create('web', spec);
    await agent.advance(20_000);
    expect(probing.web()?.state).toEqual({ waiting: { reason: 'ContainerCreating' } });
    hook.resolve();
    await agent.settle();
    await agent.advance(1_000);
    expect(probing.web()).toMatchObject({ ready: true, state: { running: {} } });
  });

  it('is killed and waits when its hook fails', async () => {
    const probing = new ProbingAgent({ hooks: { run: () => Promise.reject(new Error('it failed')) } });
    const { agent } = probing;
    agent.create('web', spec);
    await agent.advance(0);
    expect(probing.web()?.state?.waiting?.reason).toMatch(/PostStartHookError|CrashLoopBackOff/);
    const said = agent.events.map(({ reason, message }) => `${reason}: ${message}`);
    expect(said).toContain('FailedPostStartHook: PostStartHook failed');
    expect(said).toContain('Killing: FailedPostStartHook');
  });
});
