/** The autoscaler on a whole cluster: usage samples travel from the nodes, replicas follow, kubectl shows it. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Deployment, Event, HorizontalPodAutoscaler } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestCluster } from '../support/cluster.ts';

/** Windows of minutes pass in seconds. */
const SPEED = 20;
const STABILIZATION_SECONDS = 300;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 3, speed: SPEED });
});
afterAll(() => cluster.remove());

/** A Deployment whose containers ask for 100m and use what the annotation says. */
function deployment(name: string, replicas: number, cpuUsage: string): string {
  const object = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name }, annotations: { 'orrery.dev/cpu-usage': cpuUsage } },
        spec: { containers: [{ name: 'web', image: 'web:1', resources: { requests: { cpu: '100m' } } }] },
      },
    },
  };
  return JSON.stringify(object);
}

const apply = (input: string): Promise<string> => cluster.kubectlOk(['apply', '-f', '-'], { input });
const autoscaler = (name: string): Promise<HorizontalPodAutoscaler> => cluster.get('hpa', name);

const targets = (name: string, text: string): Promise<true> =>
  eventually(`kubectl get hpa ${name} shows ${text}`, async () => {
    const shown = await cluster.kubectlOk(['get', 'hpa', name]);
    if (!shown.includes(text)) throw new Error(shown);
    return true as const;
  });

const scaledTo = (name: string, replicas: number): Promise<Deployment> =>
  eventually(`deployment ${name} has ${replicas} ready replicas`, async () => {
    const found = await cluster.get<Deployment>('deployment', name);
    return found.spec.replicas === replicas && found.status?.readyReplicas === replicas ? found : undefined;
  });

interface Rescale {
  size: number;
  seconds: number;
}

/** Every change of size that the autoscaler told of, oldest first. */
async function rescales(name: string): Promise<Rescale[]> {
  const { items } = await cluster.get<{ items: Event[] }>(
    'events',
    `--field-selector=involvedObject.kind=HorizontalPodAutoscaler,involvedObject.name=${name},reason=SuccessfulRescale`,
  );
  return items
    .map(({ message = '', lastTimestamp = '' }) => ({
      size: Number(/New size: (\d+);/.exec(message)?.[1]),
      seconds: Date.parse(lastTimestamp) / 1_000,
    }))
    .sort((a, b) => a.seconds - b.seconds);
}

function conditionOf({ status }: HorizontalPodAutoscaler, type: string): string | undefined {
  const found = status?.conditions?.find((each) => each.type === type);
  return found && `${found.status} ${found.reason}`;
}

describe('the autoscaler of the document, whose target has no apiVersion', () => {
  it('shows the usage of its target and does nothing while it may not', async () => {
    await apply(deployment('php-apache', 2, '135m'));
    const manifest = readFileSync(join(import.meta.dirname, '../manifests/hpa-php-apache.yaml'), 'utf8');
    await apply(manifest.replace('maxReplicas: 10', 'maxReplicas: 2'));
    // All of the last minute: 135m of 100m.
    await targets('php-apache', 'cpu: 135%/90%');
    // The first sync that shows it may know one of the pods only; the other then counts as idle.
    const found = await eventually('its maximum holds it back', async () => {
      const each = await autoscaler('php-apache');
      return conditionOf(each, 'ScalingLimited') === 'True TooManyReplicas' ? each : undefined;
    });
    expect(found.status?.desiredReplicas).toBe(2);
  });

  it('scales up by the ratio of usage and target, and not beyond its maximum', async () => {
    const manifest = readFileSync(join(import.meta.dirname, '../manifests/hpa-php-apache.yaml'), 'utf8');
    await apply(manifest);
    await scaledTo('php-apache', 10);
    // ceil(2 × 135 / 90), and so on.
    expect((await rescales('php-apache'))[0]?.size).toBe(3);
    await eventually('it says that the maximum holds it back', async () => {
      const found = await autoscaler('php-apache');
      return conditionOf(found, 'ScalingLimited') === 'True TooManyReplicas';
    });
    const sizes = (await rescales('php-apache')).map(({ size }) => size);
    expect(sizes.at(-1)).toBe(10);
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
  });

  it('scales down to its minimum only after five minutes of less', async () => {
    await cluster.kubectlOk([
      'annotate',
      'pods',
      '-l',
      'app=php-apache',
      'orrery.dev/cpu-usage=10m',
      '--overwrite',
    ]);
    await targets('php-apache', 'cpu: 10%/90%');
    await scaledTo('php-apache', 2);
    const all = await rescales('php-apache');
    const top = all.findLastIndex(({ size }) => size === 10);
    expect(all[top + 1]!.seconds - all[top]!.seconds).toBeGreaterThanOrEqual(STABILIZATION_SECONDS);
    expect(all.at(-1)!.size).toBe(2);
    await targets('php-apache', 'Deployment/php-apache');
  });
});

describe('kubectl autoscale', () => {
  it('makes an autoscaler that scales', async () => {
    await apply(deployment('made', 1, '200m'));
    await cluster.kubectlOk(['autoscale', 'deployment/made', '--min=1', '--max=3', '--cpu=50%']);
    await scaledTo('made', 3);
    await targets('made', 'cpu: 200%/50%');
    const described = await cluster.kubectlOk(['describe', 'hpa', 'made']);
    expect(described).toMatch(
      /resource cpu on pods\s+\(as a percentage of request\):\s+200% \(200m\) \/ 50%/,
    );
    expect(described).toContain('SuccessfulRescale');
  });
});

describe('a target without requests', () => {
  it('is not scaled, and the autoscaler says why', async () => {
    await cluster.kubectlOk(['create', 'deployment', 'bare', '--image=web:1']);
    await cluster.kubectlOk(['autoscale', 'deployment/bare', '--max=3', '--cpu=50%']);
    await targets('bare', 'cpu: <unknown>/50%');
    const found = await eventually('the reason', async () => {
      const each = await autoscaler('bare');
      return conditionOf(each, 'ScalingActive') === undefined ? undefined : each;
    });
    expect(conditionOf(found, 'ScalingActive')).toBe('False FailedGetResourceMetric');
  });
});
