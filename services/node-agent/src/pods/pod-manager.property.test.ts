import type { Pod } from '@orrery/api/gen/types.ts';
import { serviceUnavailable } from '@orrery/api/status-error.ts';
import { Pods } from '@orrery/api/resources.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AgentUnderTest } from '../test-support/agent-under-test.ts';
import { container } from '../test-support/objects.ts';

/** One thing that happens to the cluster or to the agent. */
type Step =
  | {
      what: 'create';
      pod: number;
      node: string;
      restartPolicy: string;
      init: boolean;
      hostNetwork: boolean;
      finalizer: boolean;
    }
  | { what: 'crash'; pod: number; container: string; how: 'killed' | 'completes' | 'sandbox' }
  | { what: 'delete'; pod: number; graceSeconds: number }
  | { what: 'touch' | 'meddle' | 'finalize' | 'declareFailed'; pod: number }
  | { what: 'restart' | 'holdEvents' | 'releaseEvents' | 'breakApi' | 'loseAnswers' | 'healApi' }
  | { what: 'wait'; ms: number };

const pod = fc.nat({ max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('create' as const),
      pod,
      node: fc.constantFrom('node-1', 'node-2', 'node-9'),
      restartPolicy: fc.constantFrom('Always', 'Always', 'OnFailure', 'Never'),
      init: fc.boolean(),
      hostNetwork: fc.boolean(),
      finalizer: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('crash' as const),
      pod,
      container: fc.constantFrom('web', 'sidecar'),
      how: fc.constantFrom('killed', 'killed', 'completes', 'sandbox'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constant('delete' as const), pod, graceSeconds: fc.constantFrom(0, 30) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constantFrom('touch', 'meddle', 'finalize', 'declareFailed'), pod }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constantFrom('restart', 'holdEvents', 'releaseEvents', 'breakApi', 'loseAnswers', 'healApi'),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constant('wait' as const),
      ms: fc.constantFrom(0, 100, 400, 1_300, 5_000),
    }),
  },
);

function create(
  agent: AgentUnderTest,
  name: string,
  { node, restartPolicy, init, hostNetwork, finalizer }: Step & { what: 'create' },
) {
  if (agent.stored(name) !== undefined) return;
  const initContainers = init ? [container('setup'), container('sidecar', { restartPolicy: 'Always' })] : [];
  const finalizers = finalizer ? ['example.com/wait'] : [];
  agent.create(name, { node, restartPolicy, initContainers, hostNetwork }, { finalizers });
}

function change(
  agent: AgentUnderTest,
  name: string,
  what: 'touch' | 'meddle' | 'finalize' | 'declareFailed',
): void {
  if (agent.stored(name) === undefined) return;
  agent.change(name, ({ metadata, status }) => {
    if (what === 'touch') metadata.labels = { ...metadata.labels, touched: metadata.resourceVersion };
    else if (what === 'finalize') metadata.finalizers = [];
    else if (what === 'declareFailed') status!.phase = 'Failed';
    else for (const each of status!.conditions ?? []) if (each.type === 'Ready') each.status = 'False';
  });
}

/** A container, or the whole sandbox, ends by itself. */
async function crash(agent: AgentUnderTest, name: string, step: Step & { what: 'crash' }): Promise<void> {
  const sandbox = agent.sandboxes().find((each) => each.name === name);
  if (sandbox === undefined) return;
  if (step.how === 'sandbox') {
    await agent.runtime.stopPodSandbox(sandbox.id);
    return;
  }
  const running = agent.runtime
    .listContainers({ podSandboxId: sandbox.id })
    .find((each) => each.name === step.container && each.state === 'CONTAINER_RUNNING');
  if (running !== undefined) await agent.runtime.stopContainer(running.id, step.how === 'killed' ? 0 : 1);
}

async function run(agent: AgentUnderTest, step: Step): Promise<void> {
  const { api } = agent;
  const name = 'pod' in step ? `pod-${step.pod}` : '';
  switch (step.what) {
    case 'create':
      create(agent, name, step);
      break;
    case 'crash':
      await crash(agent, name, step);
      break;
    case 'delete':
      if (agent.stored(name) !== undefined) agent.erase(name, step.graceSeconds);
      break;
    case 'restart':
      // An agent that starts reads everything first.
      agent.crash();
      api.pods.held = false;
      api.pods.release();
      agent.start();
      break;
    case 'holdEvents':
      api.pods.held = true;
      break;
    case 'releaseEvents':
      api.pods.release(1);
      break;
    case 'breakApi':
      api.fault = () => serviceUnavailable('away');
      break;
    case 'loseAnswers':
      api.losesAnswer = () => true;
      break;
    case 'healApi':
      api.fault = undefined;
      api.losesAnswer = undefined;
      break;
    case 'wait':
      await agent.advance(step.ms);
      break;
    default:
      change(agent, name, step.what);
  }
}

/** Everything works again, for long enough. */
async function calmDown(agent: AgentUnderTest): Promise<void> {
  agent.api.fault = undefined;
  agent.api.losesAnswer = undefined;
  agent.api.pods.held = false;
  agent.api.pods.release();
  // The two clocks move one after the other, and a step on one may wait for a step on the other.
  for (let turn = 0; turn < 4; turn += 1) await agent.advance(10_000);
  // The longest back-off.
  await agent.advance(300_000);
}

/** What was seen of the statuses so far. */
interface Seen {
  /** By pod and container. */
  containers: Map<string, { restarts: number; startedAt: string | undefined }>;
  /** The pods that the store knew to have ended. */
  finished: Set<string>;
}

/** What must hold at every moment, from moment to moment. */
function expectInvariants(agent: AgentUnderTest, seen: Seen): void {
  for (const pod of agent.api.all(Pods)) expectConsistent(agent, pod, seen);
  const live = agent
    .containers()
    .filter(({ state }) => state === 'CONTAINER_RUNNING')
    .map(({ podSandboxId, name }) => `${agent.runtime.podSandboxStatus(podSandboxId)?.uid} ${name}`);
  // Never two live instances of a container.
  expect(new Set(live).size).toBe(live.length);
}

function expectConsistent(agent: AgentUnderTest, pod: Pod, seen: Seen): void {
  const { uid } = pod.metadata;
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  for (const { name, restartCount, lastState, state } of [...initContainerStatuses, ...containerStatuses]) {
    const before = seen.containers.get(`${uid} ${name}`);
    const startedAt = state?.running?.startedAt ?? state?.terminated?.startedAt;
    expect(restartCount).toBeGreaterThanOrEqual(before?.restarts ?? 0);
    // What starts anew counts.
    if (restartCount === before?.restarts && startedAt !== undefined)
      expect(startedAt).toBe(before.startedAt ?? startedAt);
    // Nothing restarts that did not die: what did says how.
    if (restartCount > 0) expect(lastState?.terminated ?? state?.terminated).toBeDefined();
    seen.containers.set(`${uid} ${name}`, { restarts: restartCount, startedAt });
  }
  // While answers are lost, an end may be overwritten once by a status that was under way.
  if (isFinished(pod) && agent.api.losesAnswer === undefined) seen.finished.add(uid);
}

function isFinished({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

function expectConverged(agent: AgentUnderTest): void {
  const ours = agent.api.all(Pods).filter(({ spec }) => spec.nodeName !== 'node-9');
  const wanted = ours.filter((each) => each.metadata.deletionTimestamp === undefined && !isFinished(each));
  const sandboxes = agent.sandboxes();
  expect(sandboxes.map(({ uid, state }) => `${uid} ${state}`).toSorted()).toEqual(
    wanted.map(({ metadata }) => `${metadata.uid} SANDBOX_READY`).toSorted(),
  );
  for (const { metadata, spec, status } of wanted) {
    const sandbox = sandboxes.find(({ uid }) => uid === metadata.uid)!;
    const containers = agent.runtime
      .listContainers({ podSandboxId: sandbox.id })
      .filter(({ name, state }) => state === 'CONTAINER_RUNNING' || name === 'setup');
    expect(status).toMatchObject({ phase: 'Running', podIP: sandbox.ip });
    expect(status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
    expect(containers.map(({ name }) => name).toSorted()).toEqual(
      [...(spec.initContainers ?? []), ...spec.containers].map(({ name }) => name).toSorted(),
    );
    for (const { name, restartCount } of status?.containerStatuses ?? [])
      expect(containers.find((each) => each.name === name)?.attempt).toBe(restartCount);
  }
  const owned = sandboxes.filter(({ hostNetwork }) => !hostNetwork);
  expect(new Set(owned.map(({ ip }) => ip)).size).toBe(owned.length);
  expect(agent.addressesInUse()).toBe(owned.length);
  // What is deleted and held by finalizers has ended; all else is gone.
  for (const { metadata, status } of ours) {
    if (metadata.deletionTimestamp === undefined) continue;
    expect(metadata.finalizers).not.toEqual([]);
    expect(status?.phase).toMatch(/^(Succeeded|Failed)$/);
  }
  expect(agent.manager.size).toBe(ours.length);
}

test('whatever happens to pods, agent and apiserver, it ends with the wanted sandboxes, true statuses and no address lost', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.constantFrom({}, { pullMs: 500, sandboxStartMs: 300, containerStartMs: 200 }),
      async (steps, delays) => {
        const agent = new AgentUnderTest(delays);
        const seen: Seen = { containers: new Map(), finished: new Set() };
        for (const each of steps) {
          await run(agent, each);
          expectInvariants(agent, seen);
        }
        await calmDown(agent);
        expectInvariants(agent, seen);
        for (const each of agent.api.all(Pods))
          if (seen.finished.has(each.metadata.uid)) expect(isFinished(each)).toBe(true);
        expectConverged(agent);
        const { length } = agent.api.calls;
        await agent.advance(600_000);
        expect(agent.api.calls.slice(length)).toEqual([]);
        expect(agent.clock.pendingTimers + agent.realClock.pendingTimers).toBe(0);
        agent.crash();
      },
    ),
    { numRuns: 200 },
  );
}, 60_000);

test('what runs keeps its containers over any number of restarts of the agent', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 3_000 }), { minLength: 1, maxLength: 6 }), async (pauses) => {
      const agent = new AgentUnderTest({ pullMs: 500, sandboxStartMs: 300, containerStartMs: 200 });
      const started = new Map<string, string>();
      agent.create('web', {
        initContainers: [container('setup')],
        containers: [container('a'), container('b')],
      });
      for (const pauseMs of pauses) {
        await agent.advance(pauseMs);
        for (const { name, state, containerID } of agent.stored('web')?.status?.containerStatuses ?? []) {
          if (state?.running === undefined) continue;
          expect(started.get(name) ?? containerID).toBe(containerID);
          started.set(name, containerID!);
        }
        agent.restart();
      }
    }),
    { numRuns: 100 },
  );
});
