import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type HealthServer, serveHealth } from './health.ts';
import { createMetrics, type Metrics } from './metrics.ts';

const TEXT = 'text/plain; charset=utf-8';

let metrics: Metrics;
let server: HealthServer;
let why: string | undefined;
beforeEach(async () => {
  metrics = createMetrics();
  why = undefined;
  server = await serveHealth({ bind: '127.0.0.1', port: 0, metrics, notReady: () => why });
});
afterEach(() => server.close());

async function get(path: string): Promise<[number, string, string]> {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
  return [response.status, await response.text(), response.headers.get('content-type') ?? ''];
}

describe('the health port', () => {
  it.each(['/healthz', '/livez', '/readyz', '/readyz?verbose'])('answers %s with ok', async (path) => {
    expect(await get(path)).toEqual([200, 'ok', TEXT]);
  });

  it('says why the service is not ready, and lives nevertheless', async () => {
    why = 'the store does not answer';
    expect(await get('/readyz')).toEqual([503, why, TEXT]);
    expect(await get('/healthz')).toEqual([200, 'ok', TEXT]);
  });

  it('shows the metrics of its own registry', async () => {
    metrics.counter('pods_total', 'Pods made.', ['phase']).inc({ phase: 'Running' }, 3);
    const [code, text, type] = await get('/metrics');
    expect(code).toBe(200);
    expect(type).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(text).toContain('# HELP pods_total Pods made.');
    expect(text).toContain('pods_total{phase="Running"} 3');
    expect(text).toContain('process_cpu_seconds_total');
  });

  it('names its paths to whoever asks for another', async () => {
    expect(await get('/')).toEqual([404, 'paths: /healthz /livez /readyz /metrics\n', TEXT]);
  });

  it('that is taken is an error', async () => {
    const again = serveHealth({ bind: '127.0.0.1', port: server.port, metrics, notReady: () => undefined });
    await expect(again).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('closes although a client keeps its connection', async () => {
    const { port } = server;
    await get('/healthz');
    await server.close();
    const next = await serveHealth({ bind: '127.0.0.1', port, metrics, notReady: () => undefined });
    expect(next.port).toBe(port);
    await next.close();
  });
});

describe('metrics', () => {
  it('of two registries do not meet', async () => {
    const other = createMetrics();
    metrics.gauge('nodes', 'Nodes.').set(5);
    other.gauge('nodes', 'Nodes.').set(7);
    expect(await other.registry.getSingleMetricAsString('nodes')).toContain('nodes 7');
    expect(await metrics.registry.getSingleMetricAsString('nodes')).toContain('nodes 5');
  });

  it('count latencies from half a millisecond to ten seconds, or in buckets of one’s own', async () => {
    metrics.histogram('a_seconds', 'A.').observe(0.0004);
    metrics.histogram('b_seconds', 'B.', [], [1, 2]).observe(1.5);
    const [a, b] = await Promise.all(
      ['a_seconds', 'b_seconds'].map((name) => metrics.registry.getSingleMetricAsString(name)),
    );
    expect(a).toContain('a_seconds_bucket{le="0.0005"} 1');
    expect(a).toContain('a_seconds_bucket{le="10"} 1');
    expect(b).toContain('b_seconds_bucket{le="1"} 0');
    expect(b).toContain('b_seconds_bucket{le="2"} 1');
  });
});
