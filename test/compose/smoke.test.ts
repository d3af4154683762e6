/** `docker compose up`: the same cluster as containers, used with kubectl, hurt, and taken away. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '@orrery/api/gen/types.ts';
import { eventually } from '../support/cluster.ts';
import { ComposeProject, type ContainerName, CONTAINERS } from '../support/compose-project.ts';

let project: ComposeProject;

beforeAll(async () => {
  project = await ComposeProject.prepare();
  await project.compose('up', '--build', '-d');
  await project.healthy();
});
afterAll(() => project?.remove());

let replicas = 3;

/** The uids of the Deployment's pods, once all are ready and there is no other. */
async function readyPods(): Promise<string[]> {
  return eventually(`${replicas} ready pods and no other`, async () => {
    const { items } = JSON.parse(await project.kubectlOk('get', 'pods', '-o', 'json')) as { items: Pod[] };
    const ready = items.filter(({ status }) =>
      status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
    );
    if (items.length !== replicas || ready.length !== replicas) {
      throw new Error(`${ready.length} of ${items.length} pods are ready`);
    }
    return items.map(({ metadata }) => metadata.uid).sort();
  });
}

/** Something new to do needs every service but the autoscaler. */
async function goesOn(): Promise<void> {
  replicas = replicas === 3 ? 5 : 3;
  await project.kubectlOk('scale', 'deployment/web', `--replicas=${replicas}`);
  await readyPods();
}

describe('the cluster as containers', () => {
  it('lets kubectl in with the kubeconfig that it put into .orrery', async () => {
    expect(await project.kubectlOk('version')).toContain('Server Version: v1.34');
    expect(await project.kubectlOk('get', 'nodes')).toMatch(/node-3\s+Ready/);
  });

  it.each(CONTAINERS)('lets the log of %s grow to a limit only', async (name) => {
    const format = '{{index .HostConfig.LogConfig.Config "max-size"}}';
    const limit = await project.docker('inspect', '--format', format, await project.container(name));
    expect(limit.trim()).toBe('16m');
  });

  it('rolls a Deployment out, and a new image of it', async () => {
    await project.kubectlOk('create', 'deployment', 'web', '--image=web:1', '--replicas=3');
    await project.kubectlOk('rollout', 'status', 'deployment/web', '--timeout=120s');
    await project.kubectlOk('set', 'image', 'deployment/web', 'web=web:2');
    await project.kubectlOk('rollout', 'status', 'deployment/web', '--timeout=120s');
    await readyPods();
  });

  it.each<ContainerName>(['controller-manager', 'scheduler', 'hpa', 'node-agent', 'apiserver'])(
    'has Docker start %s again when it crashes, and goes on',
    async (name) => {
      const id = await project.container(name);
      const restarts = async (): Promise<number> =>
        Number(await project.docker('inspect', '--format', '{{.RestartCount}}', id));
      // From inside, as a crash: what `docker kill` ends is meant to stay down. This shell dies too.
      await project.dockerOutcome('exec', id, 'bash', '-c', 'kill -KILL -1');
      await eventually('Docker has restarted it', async () => (await restarts()) > 0);
      await project.healthy();
      await goesOn();
    },
  );

  it.each<ContainerName>(['redis', 'nats', 'apiserver'])(
    'keeps its pods while %s is down after docker kill, and goes on when it is started',
    async (name) => {
      const before = await readyPods();
      const id = await project.container(name);
      await project.docker('kill', id);
      expect(await project.health(name)).toContain('exited');
      await project.docker('start', id);
      await project.healthy();
      expect(await readyPods()).toEqual(before);
      await goesOn();
    },
  );

  it('reaches into a pod, also after docker kill of its node agent, which finds its files again', async () => {
    const script = 'echo kept > /tmp/note; while true; do date; sleep 1; done';
    await project.kubectlOk('run', 'note', '--image=busybox', '--', 'sh', '-c', script);
    await project.kubectlOk('wait', '--for=condition=Ready', 'pod/note', '--timeout=60s');
    const id = await project.container('node-agent');
    await project.docker('kill', id);
    await project.docker('start', id);
    await project.healthy();
    const note = await eventually('the pod can be reached', () =>
      project.kubectlOk('exec', 'note', '--', 'cat', '/tmp/note'),
    );
    expect(note).toBe('kept\n');
    expect(await project.kubectlOk('logs', 'note', '--tail=1')).toMatch(/UTC/);
    expect(await project.kubectlOk('get', 'pod', 'note', '--no-headers')).toMatch(/1\/1\s+Running\s+0 /);
    await project.kubectlOk('delete', 'pod', 'note', '--now');
  });

  it('has its clock set with kubectl', async () => {
    const patch = ['-n', 'kube-system', 'patch', 'configmap', 'orrery-clock', '--type=merge', '-p'];
    await project.kubectlOk(...patch, '{"data":{"speed":"100"}}');
    const anchor = ['-n', 'kube-system', 'get', 'configmap', 'orrery-clock', '-o', 'jsonpath={.data.anchor}'];
    await eventually('an apiserver has set it', async () =>
      (await project.kubectlOk(...anchor)).startsWith('100@'),
    );
    await goesOn();
  });

  it('is gone with its data after down -v', async () => {
    expect(await project.remains()).not.toEqual([]);
    await project.compose('down', '-v');
    expect(await project.remains()).toEqual([]);
  });
});
