import type { ContainerPort, Pod } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { makePod } from '../test-support/fake-cluster.ts';
import { snapshotOf, verdict } from '../test-support/verdicts.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { nodePorts } from './node-ports.ts';

const TAKEN = ["node(s) didn't have free ports for the requested pod ports"];

function withPort(name: string, hostPort: number, more: Partial<ContainerPort> = {}) {
  const ports = [{ containerPort: 80, hostPort, ...more }] as ContainerPort[];
  return { name, spec: { nodeName: 'n1', containers: [{ name: 'c', ports }] } };
}
const bound = (...drafts: ReturnType<typeof withPort>[]): Pod[] => drafts.map((each) => makePod(each));

describe('NodePorts', () => {
  it.each([
    ['no port at all', { name: 'p' }, []],
    ['another port', withPort('p', 81), []],
    ['the same port of another protocol', withPort('p', 80, { protocol: 'UDP' }), []],
    ['the same port', withPort('p', 80), TAKEN],
  ])('gives its verdict on a pod that wants %s', (_, pod, reasons) => {
    expect(verdict(nodePorts, pod, { name: 'n1' }, bound(withPort('other', 80)))).toEqual(reasons);
  });

  it('has a port free again when the last pod that took it is gone', () => {
    const [first, second] = bound(withPort('a', 80), withPort('b', 80));
    const cache = snapshotOf([{ name: 'n1' }], [first!, second!]);
    const filter = nodePorts.preFilter(podInfo(makePod(withPort('p', 80))), snapshotOf([]));
    if (filter === undefined || 'unfit' in filter) throw new Error('no filter');
    const reasons = () => filter.filter(cache.node('n1')!)?.reasons ?? [];
    cache.removePod(podInfo(first!).uid);
    expect(reasons()).toEqual(TAKEN);
    cache.removePod(podInfo(second!).uid);
    expect(reasons()).toEqual([]);
  });
});
