/** Pages of the Kubernetes documentation on managing memory, CPU and API resources, typed as they say. */

import type { Deployment, Pod, ResourceQuota } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/cluster.ts';
import { Tutorial } from '../support/tutorial.ts';

let tutorial: Tutorial;

beforeAll(async () => {
  tutorial = await Tutorial.open({ nodes: 2 });
});
afterAll(() => tutorial.close());

const type = (line: string): Promise<string> => tutorial.type(line);

/** A quota that nobody has counted yet takes nothing: the page's reader is slower than this. */
async function untilCounted(name: string, namespace: string): Promise<void> {
  await eventually(`${name} is counted`, async () => {
    const { status } = await tutorial.cluster.get<ResourceQuota>('quota', name, '-n', namespace);
    return status?.used !== undefined;
  });
}

describe.concurrent('"Configure Default Memory Requests and Limits for a Namespace"', () => {
  it('gives a container what it does not ask for', async () => {
    await type('kubectl create namespace default-mem-example');
    await type('kubectl apply -f admin/resource/memory-defaults.yaml --namespace=default-mem-example');
    await type('kubectl apply -f admin/resource/memory-defaults-pod.yaml --namespace=default-mem-example');
    const { spec } = await tutorial.pod('default-mem-demo --namespace=default-mem-example');
    expect(spec.containers[0]!.resources).toEqual({
      limits: { memory: '512Mi' },
      requests: { memory: '256Mi' },
    });
    expect(await type('kubectl describe limits -n default-mem-example')).toMatch(
      /^Container +memory +- +- +256Mi +512Mi +-$/m,
    );
    expect(await type('kubectl describe namespace default-mem-example')).toMatch(
      /^ *Container +memory +- +- +256Mi +512Mi +-$/m,
    );
  });
});

describe.concurrent('"Configure Minimum and Maximum Memory Constraints for a Namespace"', () => {
  it('refuses what asks for too much or too little, and gives the rest the default', async () => {
    await type('kubectl create namespace constraints-mem-example');
    const flag = '--namespace=constraints-mem-example';
    await type(`kubectl apply -f admin/resource/memory-constraints.yaml ${flag}`);
    expect(
      await type(`kubectl get limitrange mem-min-max-demo-lr ${flag} -o jsonpath='{.spec.limits}'`),
    ).toBe(
      '[{"default":{"memory":"1Gi"},"defaultRequest":{"memory":"1Gi"},"max":{"memory":"1Gi"},"min":{"memory":"500Mi"},"type":"Container"}]',
    );
    await expect(
      type(`kubectl apply -f admin/resource/memory-constraints-pod-2.yaml ${flag}`),
    ).rejects.toThrow(
      'pods "constraints-mem-demo-2" is forbidden: maximum memory usage per Container is 1Gi, but limit is 1536Mi',
    );
    await expect(
      type(`kubectl apply -f admin/resource/memory-constraints-pod-3.yaml ${flag}`),
    ).rejects.toThrow(
      'pods "constraints-mem-demo-3" is forbidden: minimum memory usage per Container is 500Mi, but request is 100Mi',
    );
  });
});

describe.concurrent('"Configure Memory and CPU Quotas for a Namespace"', () => {
  it('says what is used, refuses what is too much, and takes it when there is room again', async () => {
    await type('kubectl create namespace quota-mem-cpu-example');
    const flag = '--namespace=quota-mem-cpu-example';
    await type(`kubectl apply -f admin/resource/quota-mem-cpu.yaml ${flag}`);
    await untilCounted('mem-cpu-demo', 'quota-mem-cpu-example');
    await type(`kubectl apply -f admin/resource/quota-mem-cpu-pod.yaml ${flag}`);
    await type(`kubectl wait --for=condition=Ready pod quota-mem-cpu-demo ${flag} --timeout=60s`);
    const { status } = await tutorial.cluster.get<ResourceQuota>('resourcequota', 'mem-cpu-demo', flag);
    expect(status).toEqual({
      hard: { 'limits.cpu': '2', 'limits.memory': '2Gi', 'requests.cpu': '1', 'requests.memory': '1Gi' },
      used: {
        'limits.cpu': '800m',
        'limits.memory': '800Mi',
        'requests.cpu': '400m',
        'requests.memory': '600Mi',
      },
    });
    expect(await type(`kubectl get quota ${flag}`)).toMatch(
      /^mem-cpu-demo +requests.cpu: 400m\/1, requests.memory: 600Mi\/1Gi +limits.cpu: 800m\/2, limits.memory: 800Mi\/2Gi +\d+s$/m,
    );
    const second = `kubectl apply -f admin/resource/quota-mem-cpu-pod-2.yaml ${flag}`;
    await expect(type(second)).rejects.toThrow(
      'pods "quota-mem-cpu-demo-2" is forbidden: exceeded quota: mem-cpu-demo, requested: requests.memory=700Mi, used: requests.memory=600Mi, limited: requests.memory=1Gi',
    );
    await expect(type(`kubectl run silent --image=nginx ${flag}`)).rejects.toThrow(
      'pods "silent" is forbidden: failed quota: mem-cpu-demo: must specify limits.cpu for: silent; limits.memory for: silent; requests.cpu for: silent; requests.memory for: silent',
    );
    await type(`kubectl delete pod quota-mem-cpu-demo ${flag}`);
    await eventually('there is room for the second', () => type(second));
  });
});

describe.concurrent('"Configure a Pod Quota for a Namespace"', () => {
  it('holds back the third pod of a Deployment, and says why', async () => {
    await type('kubectl create namespace quota-pod-example');
    const flag = '--namespace=quota-pod-example';
    await type(`kubectl apply -f admin/resource/quota-pod.yaml ${flag}`);
    await untilCounted('pod-demo', 'quota-pod-example');
    await type(`kubectl apply -f admin/resource/quota-pod-deployment.yaml ${flag}`);
    const why =
      /^pods "pod-quota-demo-\S+" is forbidden: exceeded quota: pod-demo, requested: pods=1, used: pods=2, limited: pods=2$/;
    const { status } = await eventually('two of three pods, and the reason', async () => {
      const deployment = await tutorial.cluster.get<Deployment>('deployment', 'pod-quota-demo', flag);
      const failure = deployment.status?.conditions?.find((each) => each.type === 'ReplicaFailure');
      return deployment.status?.availableReplicas === 2 && why.test(failure?.message ?? '')
        ? deployment
        : undefined;
    });
    expect(status?.conditions?.find((each) => each.type === 'ReplicaFailure')).toMatchObject({
      status: 'True',
      reason: 'FailedCreate',
    });
    const pods = await tutorial.cluster.get<{ items: Pod[] }>('pods', flag);
    expect(pods.items).toHaveLength(2);
    await type(`kubectl patch quota pod-demo ${flag} -p '{"spec":{"hard":{"pods":"3"}}}'`);
    await type(`kubectl rollout status deployment pod-quota-demo ${flag} --timeout=60s`);
  });
});
