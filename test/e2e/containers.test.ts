/** What containers do on a whole cluster: by annotation, by command, by image; and images that do not exist. */

import { join } from 'node:path';
import type { Deployment, Event, Pod } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';

const EXAMPLES = join(import.meta.dirname, '../../docs/examples');

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 2, speed: 10 });
});
afterAll(() => cluster.remove());

async function stateOf(
  name: string,
): Promise<NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number]> {
  const pod = await cluster.get<Pod>('pod', name);
  const [status] = pod.status?.containerStatuses ?? [];
  if (status === undefined) throw new Error(`pod ${name} has no container yet`);
  return status;
}

async function run(name: string, image: string, ...args: string[]): Promise<void> {
  await cluster.kubectlOk(['run', name, `--image=${image}`, ...args]);
}

it('do what the example of the documentation says', async () => {
  await cluster.kubectlOk(['apply', '-f', join(EXAMPLES, 'behavior.yaml')]);
  await eventually('the flaky pod has crashed twice and then succeeded', async () => {
    const pod = await cluster.get<Pod>('pod', 'flaky');
    return pod.status?.phase === 'Succeeded' && pod.status.containerStatuses?.[0]?.restartCount === 2;
  });
  await eventually('the slow servers are ready', async () => {
    const { status } = await cluster.get<Deployment>('deployment', 'shop');
    return status?.readyReplicas === 2;
  });
  expect(await cluster.kubectlOk(['logs', 'deployment/shop'])).toBe('listening on 8080\n');
});

it('are warned about when their behaviour cannot be read, and do what they would without', async () => {
  const overrides = JSON.stringify({
    metadata: { annotations: { 'orrery.dev/behavior': 'wrong: {cpus: 1}' } },
  });
  const said = await cluster.kubectl(['run', 'wrong', '--image=example.com/app', `--overrides=${overrides}`]);
  expect(said.stderr).toContain(
    'Warning: metadata.annotations[orrery.dev/behavior]: wrong.cpus: unknown key',
  );
  await eventually('it runs', async () => (await stateOf('wrong')).ready);
  await eventually('an event says so', async () => {
    const { items } = await cluster.get<{ items: Event[] }>(
      'events',
      '--field-selector=reason=InvalidBehavior',
    );
    return items.some(({ message }) => message?.includes('wrong.cpus'));
  });
});

it('serve the files of their image, and what is put there', async () => {
  await run('web', 'nginx:1.27');
  await eventually('nginx runs', async () => (await stateOf('web')).ready);
  await cluster.kubectlOk(['exec', 'web', '--', 'sh', '-c', 'echo hello > /usr/share/nginx/html/hello']);
  const fetch = 'wget -q -O- http://localhost/hello';
  expect(await cluster.kubectlOk(['exec', 'web', '--', 'sh', '-c', fetch])).toBe('hello\n');
  expect(await cluster.kubectlOk(['logs', 'web'])).toContain('"GET /hello HTTP/1.1" 200 6');
});

it('do not start without their image, or with a command that it lacks', async () => {
  await run('no-tag', 'nginx:1.161');
  // kubectl run would refuse the name by itself.
  const noName = { metadata: { name: 'no-name' }, spec: { containers: [{ name: 'c', image: 'Nginx' }] } };
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', ...noName });
  await cluster.kubectlOk(['apply', '-f', '-'], { input });
  await run('no-command', 'nginx', '--restart=Never', '--command', '--', 'foo');
  await eventually('each says why', async () => {
    const waiting = async (name: string): Promise<string | undefined> =>
      (await stateOf(name)).state?.waiting?.reason;
    const { terminated } = (await stateOf('no-command')).state ?? {};
    const why = [await waiting('no-tag'), await waiting('no-name'), terminated?.reason];
    return why.join(' ') === 'ImagePullBackOff InvalidImageName StartError';
  });
  expect((await stateOf('no-command')).state?.terminated).toMatchObject({
    exitCode: 128,
    message: expect.stringContaining('exec: "foo": executable file not found in $PATH'),
  });
});
