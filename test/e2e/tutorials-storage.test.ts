/** Pages of the Kubernetes documentation on volumes, typed on a cluster of one node, as they ask for. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Tutorial } from '../support/tutorial.ts';

let tutorial: Tutorial;

beforeAll(async () => {
  tutorial = await Tutorial.open({ nodes: 1 });
});
afterAll(() => tutorial.close());

const type = (line: string): Promise<string> => tutorial.type(line);

/** What somebody does who is logged in on the node: its files are under /host of a debugging pod. */
async function onNode(script: string): Promise<string> {
  const start = await type(`kubectl debug node/node-1 --image=busybox -- sh -c '${script}' 2>&1`);
  const pod = /debugging pod (\S+)/.exec(start)![1]!;
  await tutorial.until(pod, 'phase', 'Succeeded');
  return type(`kubectl logs ${pod}`);
}

describe.concurrent('"Communicate Between Containers in the Same Pod Using a Shared Volume"', () => {
  it('serves with one container what the other wrote before it ended', async () => {
    await type('kubectl apply -f pods/two-container-pod.yaml');
    await tutorial.untilPrinted('kubectl get pod two-containers', /^two-containers +1\/2 +NotReady +0 /m);
    const { status } = await tutorial.pod('two-containers');
    const states = Object.fromEntries(
      (status?.containerStatuses ?? []).map(({ name, state }) => [name, state]),
    );
    expect(states['debian-container']).toMatchObject({ terminated: { exitCode: 0, reason: 'Completed' } });
    expect(states['nginx-container']).toHaveProperty('running');
    const typed = 'apt-get update\napt-get install -y curl procps\nps aux\ncurl -s localhost\n';
    const printed = await type(
      `printf '${typed}' | kubectl exec -i two-containers -c nginx-container -- /bin/bash`,
    );
    expect(printed).toMatch(/^root +1 .* nginx/m);
    expect(printed).toMatch(/^Hello from the debian container$/m);
  });
});

describe.concurrent('"Configure a Pod to Use a Volume for Storage"', () => {
  it('keeps what the container wrote when it is started again', async () => {
    await type('kubectl apply -f pods/storage/redis.yaml');
    await tutorial.untilReady('redis');
    const inside = 'kubectl exec -i redis -- /bin/bash';
    await type(`printf 'cd /data/redis/\\necho Hello > test-file\\n' | ${inside}`);
    expect(await type(`printf 'apt-get install -y procps >/dev/null\\nps aux\\n' | ${inside}`)).toMatch(
      /^\S+ +1 .* redis-server/m,
    );
    await type('kubectl exec redis -- kill 1');
    await tutorial.untilRestarts('redis', 1);
    await tutorial.untilReady('redis');
    expect(await type('kubectl get pod redis')).toMatch(/^redis +1\/1 +Running +1 \(/m);
    expect(await type('kubectl exec redis -- cat /data/redis/test-file')).toBe('Hello\n');
  });
});

describe('"Configure a Pod to Use a PersistentVolume for Storage"', () => {
  const visit = 'kubectl exec task-pv-pod -- curl -s http://localhost/';

  beforeAll(async () => {
    await onNode('mkdir -p /host/mnt/data; echo "Hello from Kubernetes storage" > /host/mnt/data/index.html');
    await type('kubectl apply -f pods/storage/pv-volume.yaml');
    await tutorial.untilPrinted(
      'kubectl get pv task-pv-volume',
      /^task-pv-volume +10Gi +RWO +Retain +Available +manual /m,
    );
    await type('kubectl apply -f pods/storage/pv-claim.yaml');
    await tutorial.untilPrinted(
      'kubectl get pv task-pv-volume',
      /^task-pv-volume +10Gi +RWO +Retain +Bound +default\/task-pv-claim +manual /m,
    );
    await type('kubectl apply -f pods/storage/pv-pod.yaml');
    await tutorial.untilReady('task-pv-pod');
  });

  it('serves the file of the node', async () => {
    expect(await type('kubectl get pvc task-pv-claim')).toMatch(
      /^task-pv-claim +Bound +task-pv-volume +10Gi +RWO +manual /m,
    );
    expect(await type(visit)).toBe('Hello from Kubernetes storage\n');
  });

  it('mounts one volume in two places', async () => {
    await onNode(
      'mkdir -p /host/mnt/data/html; echo "Hello from Kubernetes storage" > /host/mnt/data/html/index.html; ' +
        'echo "worker_processes 1;" > /host/mnt/data/nginx.conf',
    );
    await type('kubectl apply -f pods/storage/pv-duplicate.yaml');
    await tutorial.untilReady('test');
    expect(await type('kubectl exec test -- ls /usr/share/nginx/html')).toBe('index.html\n');
    expect(await type('kubectl exec test -- cat /etc/nginx/nginx.conf')).toBe('worker_processes 1;\n');
    await type('kubectl delete pod test --now');
  });

  it('keeps its files when the pod goes, and when the claim does', async () => {
    await type(
      `kubectl exec task-pv-pod -- sh -c 'echo "Written by the pod" > /usr/share/nginx/html/index.html'`,
    );
    await type('kubectl delete pod task-pv-pod --now');
    await type('kubectl apply -f pods/storage/pv-pod.yaml');
    await tutorial.untilReady('task-pv-pod');
    expect(await type(visit)).toBe('Written by the pod\n');
    await type('kubectl delete pod task-pv-pod --now');
    await type('kubectl delete pvc task-pv-claim');
    await tutorial.untilPrinted(
      'kubectl get pv task-pv-volume',
      / Retain +Released +default\/task-pv-claim /m,
    );
    expect(await onNode('cat /host/mnt/data/index.html')).toBe('Written by the pod\n');
    await type('kubectl delete pv task-pv-volume');
  });
});

describe.concurrent('"Volumes": subPath', () => {
  it('takes the name of the directory from a variable of the container', async () => {
    await type('kubectl apply -f pods/storage/pod-subpathexpr.yaml');
    await tutorial.untilReady('pod1');
    await tutorial.untilPrinted('kubectl exec pod1 -- cat /logs/hello.txt', /^Hello$/m);
    expect(await onNode('head -n 1 /host/var/log/pods/pod1/hello.txt')).toBe('Hello\n');
  });
});
