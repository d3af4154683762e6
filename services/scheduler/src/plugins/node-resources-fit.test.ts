import { describe, expect, it } from 'vitest';
import { makePod } from '../test-support/fake-cluster.ts';
import { nodeResourcesFit } from './node-resources-fit.ts';
import { leastAllocated } from './resource-strategies.ts';
import { scores, snapshotOf, verdict } from '../test-support/verdicts.ts';

const GPU = 'example.com/gpu';
const allocatable = { cpu: '2', memory: '4Gi', 'ephemeral-storage': '10Gi', pods: '2', [GPU]: '2' };
const node = { name: 'n1', allocatable };
const there = makePod({
  name: 'there',
  requests: { cpu: '1', memory: '3Gi', 'ephemeral-storage': '4Gi', [GPU]: '1' },
  spec: { nodeName: 'n1' },
});

describe('NodeResourcesFit', () => {
  const cases: { name: string; requests: Record<string, string>; reasons: string[] }[] = [
    { name: 'nothing', requests: {}, reasons: [] },
    {
      name: 'exactly what is left',
      requests: { cpu: '1', memory: '1Gi', 'ephemeral-storage': '6Gi', [GPU]: '1' },
      reasons: [],
    },
    { name: 'a millicore too much', requests: { cpu: '1001m' }, reasons: ['Insufficient cpu'] },
    { name: 'a byte too much', requests: { memory: '1073741825' }, reasons: ['Insufficient memory'] },
    {
      name: 'too much disk',
      requests: { 'ephemeral-storage': '7Gi' },
      reasons: ['Insufficient ephemeral-storage'],
    },
    { name: 'too many devices', requests: { [GPU]: '2' }, reasons: [`Insufficient ${GPU}`] },
    {
      name: 'a device that the node does not have',
      requests: { 'example.com/fpga': '1' },
      reasons: ['Insufficient example.com/fpga'],
    },
    {
      name: 'none of a device that the node does not have',
      requests: { 'example.com/fpga': '0' },
      reasons: [],
    },
    {
      name: 'too much of several',
      requests: { cpu: '2', memory: '2Gi' },
      reasons: ['Insufficient cpu', 'Insufficient memory'],
    },
  ];
  it.each(cases)('decides on a pod that asks for $name', ({ requests, reasons }) => {
    expect(verdict(nodeResourcesFit, { name: 'p', requests }, node, [there])).toEqual(reasons);
  });

  it('limits the number of pods', () => {
    const second = makePod({ name: 'second', spec: { nodeName: 'n1' } });
    expect(verdict(nodeResourcesFit, { name: 'p' }, node, [there])).toEqual([]);
    expect(verdict(nodeResourcesFit, { name: 'p' }, node, [there, second])).toEqual(['Too many pods']);
    expect(verdict(nodeResourcesFit, { name: 'p', requests: { cpu: '2' } }, node, [there, second])).toEqual([
      'Too many pods',
      'Insufficient cpu',
    ]);
  });

  it('lets a pod that asks for nothing onto a node that is over its limit', () => {
    const shrunk = { name: 'n1', allocatable: { ...allocatable, cpu: '500m' } };
    expect(verdict(nodeResourcesFit, { name: 'p' }, shrunk, [there])).toEqual([]);
  });
});

describe('LeastAllocated', () => {
  const sized = (name: string, cpu: string, memory: string) => ({ name, allocatable: { cpu, memory } });

  it('gives the mean of the shares of cpu and memory that stay free', () => {
    const bound = makePod({ name: 'a', requests: { cpu: '1', memory: '2Gi' }, spec: { nodeName: 'half' } });
    const cache = snapshotOf(
      [sized('half', '4', '8Gi'), sized('empty', '4', '8Gi'), sized('small', '1', '2Gi')],
      [bound],
    );
    expect(scores(leastAllocated, { name: 'p', requests: { cpu: '1', memory: '2Gi' } }, cache)).toEqual({
      half: 50,
      empty: 75,
      small: 0,
    });
  });

  it('counts 100m and 200Mi for containers that ask for nothing', () => {
    const cache = snapshotOf([sized('n1', '1', '2000Mi')]);
    expect(scores(leastAllocated, { name: 'p' }, cache)).toEqual({ n1: 90 });
  });

  it('leaves out what the node does not have', () => {
    const cache = snapshotOf([sized('n1', '1', '0'), sized('nothing', '0', '0')]);
    expect(scores(leastAllocated, { name: 'p', requests: { cpu: '250m' } }, cache)).toEqual({
      n1: 75,
      nothing: 0,
    });
  });
});
