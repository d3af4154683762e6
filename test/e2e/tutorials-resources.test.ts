/** Pages of the Kubernetes documentation on memory, CPU, classes of service and resizing, typed as they say. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/cluster.ts';
import { Tutorial } from '../support/tutorial.ts';

/** Usage is sampled every fifteen seconds: here, one and a half. */
const SPEED = 10;

let tutorial: Tutorial;

beforeAll(async () => {
  tutorial = await Tutorial.open({ nodes: 3, speed: SPEED });
});
afterAll(() => tutorial.close());

const type = (line: string): Promise<string> => tutorial.type(line);
describe.concurrent('"Assign Memory Resources to Containers and Pods"', () => {
  const namespace = '-n mem-example';

  beforeAll(async () => {
    await type('kubectl create namespace mem-example');
  });

  it('lets a container use more memory than it has asked for, up to its limit', async () => {
    await type('kubectl apply -f pods/resource/memory-request-limit.yaml --namespace=mem-example');
    await tutorial.untilReady(`memory-demo ${namespace}`);
    expect(await type('kubectl get pod memory-demo --output=yaml --namespace=mem-example')).toMatch(
      / {4}resources:\n {6}limits:\n {8}memory: 200Mi\n {6}requests:\n {8}memory: 100Mi\n/,
    );
    // 150 MiB, and one for the program itself.
    await tutorial.untilPrinted(
      'kubectl top pod memory-demo --namespace=mem-example',
      /^memory-demo +\d+m +151Mi/m,
    );
  });

  it('kills a container that exceeds its limit, again and again', async () => {
    await type('kubectl apply -f pods/resource/memory-request-limit-2.yaml --namespace=mem-example');
    const table = await tutorial.cluster.startKubectl([
      'get',
      'pod',
      'memory-demo-2',
      '-w',
      ...namespace.split(' '),
    ]);
    await tutorial.untilRestarts(`memory-demo-2 ${namespace}`, 3);
    await eventually('the words of kubectl get', async () =>
      [/OOMKilled/, /CrashLoopBackOff/].every((word) => word.test(table.output)),
    );
    table.stop();
    const { status } = await tutorial.pod(`memory-demo-2 ${namespace}`);
    expect(status?.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({
      exitCode: 137,
      reason: 'OOMKilled',
    });
    await tutorial.untilEvents(
      `memory-demo-2 ${namespace}`,
      'Normal Created Created container: memory-demo-2-ctr',
      /^Warning BackOff Back-off restarting failed container memory-demo-2-ctr in pod memory-demo-2_mem-example\(/,
    );
  });

  it('kills one that reads an endless file to its end, as people try it', async () => {
    const limit = '{"spec":{"containers":[{"name":"hoarder","resources":{"limits":{"memory":"64Mi"}}}]}}';
    await type(
      `kubectl run hoarder --image=busybox --restart=Never --override-type=strategic --overrides='${limit}' -- tail /dev/zero`,
    );
    await tutorial.until('hoarder', 'containerStatuses[0].state.terminated.reason', 'OOMKilled');
    expect(await type('kubectl get pod hoarder')).toMatch(/^hoarder +0\/1 +OOMKilled +0 /m);
  });

  it('does not schedule a pod that asks for more than any node has', async () => {
    await type('kubectl apply -f pods/resource/memory-request-limit-3.yaml --namespace=mem-example');
    await tutorial.untilEvents(
      `memory-demo-3 ${namespace}`,
      /^Warning FailedScheduling 0\/3 nodes are available: 3 Insufficient memory\./,
    );
    expect(await type('kubectl get pod memory-demo-3 --namespace=mem-example')).toMatch(
      /^memory-demo-3 +0\/1 +Pending +0 /m,
    );
  });
});

describe.concurrent('"Assign CPU Resources to Containers and Pods"', () => {
  const namespace = '-n cpu-example';

  beforeAll(async () => {
    await type('kubectl create namespace cpu-example');
  });

  it('throttles a container that would use more than its limit', async () => {
    await type('kubectl apply -f pods/resource/cpu-request-limit.yaml --namespace=cpu-example');
    await tutorial.untilReady(`cpu-demo ${namespace}`);
    // It would use two cores.
    await tutorial.untilPrinted(
      'kubectl top pod cpu-demo --namespace=cpu-example',
      /^cpu-demo +(?:9[5-9]\d|1000)m /m,
    );
    const { status } = await tutorial.pod(`cpu-demo ${namespace}`);
    expect(status?.containerStatuses?.[0]?.restartCount).toBe(0);
  });

  it('does not schedule a pod that asks for more than any node has', async () => {
    await type('kubectl apply -f pods/resource/cpu-request-limit-2.yaml --namespace=cpu-example');
    await tutorial.untilEvents(
      `cpu-demo-2 ${namespace}`,
      /^Warning FailedScheduling 0\/3 nodes are available: 3 Insufficient cpu\./,
    );
    expect(await type('kubectl get pod cpu-demo-2 --namespace=cpu-example')).toMatch(
      /^cpu-demo-2 +0\/1 +Pending +0 /m,
    );
    expect(await type('kubectl describe pod cpu-demo-2 --namespace=cpu-example')).toMatch(
      /PodScheduled +False/,
    );
  });
});

describe.concurrent('"Configure Quality of Service for Pods"', () => {
  it('has the class of each pod in its status', async () => {
    await type('kubectl create namespace qos-example');
    await type('kubectl apply -f pods/qos --namespace=qos-example');
    const classes = ['qos-demo', 'qos-demo-2', 'qos-demo-3', 'qos-demo-4'].map((pod) =>
      type(`kubectl --namespace=qos-example get pod ${pod} -o jsonpath='{ .status.qosClass}{"\\n"}'`),
    );
    expect(await Promise.all(classes)).toEqual([
      'Guaranteed\n',
      'Burstable\n',
      'BestEffort\n',
      'Burstable\n',
    ]);
    await type('kubectl wait --for=condition=Ready pod --all --namespace=qos-example --timeout=60s');
    await type('kubectl delete namespace qos-example --wait=false');
  });
});

describe.concurrent('"Resize CPU and Memory Resources assigned to Containers"', () => {
  const patch = (resources: object): Promise<string> => {
    const change = JSON.stringify({ spec: { containers: [{ name: 'pause', resources }] } });
    return type(`kubectl patch pod resize-demo --subresource resize --patch '${change}'`);
  };
  const both = (amounts: object): object => ({ requests: amounts, limits: amounts });
  const container = ({ status }: Pod) => status!.containerStatuses![0]!;
  const untilResized = (resource: string, amount: string): Promise<void> =>
    tutorial.until('resize-demo', `containerStatuses[0].resources.limits.${resource}`, amount);

  it('changes the CPU of a container that goes on, restarts it for memory, and leaves what does not fit', async () => {
    await type('kubectl create -f pods/resource/pod-resize.yaml');
    await tutorial.untilReady('resize-demo');
    expect(container(await tutorial.pod('resize-demo'))).toMatchObject({
      allocatedResources: { cpu: '700m', memory: '200Mi' },
      resources: both({ cpu: '700m', memory: '200Mi' }),
    });

    await patch(both({ cpu: '800m' }));
    await untilResized('cpu', '800m');
    expect(container(await tutorial.pod('resize-demo'))).toMatchObject({
      allocatedResources: { cpu: '800m', memory: '200Mi' },
      restartCount: 0,
    });

    await patch(both({ memory: '300Mi' }));
    await untilResized('memory', '300Mi');
    await tutorial.untilRestarts('resize-demo', 1);
    expect(container(await tutorial.pod('resize-demo'))).toMatchObject({
      allocatedResources: { cpu: '800m', memory: '300Mi' },
      restartCount: 1,
    });

    await patch(both({ cpu: '1000' }));
    await type('kubectl wait --for=condition=PodResizePending pod/resize-demo --timeout=60s');
    const pod = await tutorial.pod('resize-demo');
    const pending = pod.status!.conditions!.find(({ type: name }) => name === 'PodResizePending');
    expect(pending).toMatchObject({
      status: 'True',
      reason: 'Infeasible',
      message: expect.stringMatching(
        /^Node didn't have enough capacity: cpu, requested: 1000000, capacity: \d+/,
      ),
    });
    expect([container(pod).resources, container(pod).restartCount]).toMatchObject([
      both({ cpu: '800m', memory: '300Mi' }),
      1,
    ]);
  });
});
