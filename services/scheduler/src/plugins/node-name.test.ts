import { describe, expect, it } from 'vitest';
import { nodeName } from './node-name.ts';
import { verdict } from '../test-support/verdicts.ts';

describe('NodeName', () => {
  it.each([
    { wants: undefined, reasons: [] },
    { wants: '', reasons: [] },
    { wants: 'n1', reasons: [] },
    { wants: 'n2', reasons: ["node(s) didn't match the requested node name"] },
  ])('gives $reasons on n1 for a pod that names $wants', ({ wants, reasons }) => {
    const spec = wants === undefined ? {} : { nodeName: wants };
    expect(verdict(nodeName, { name: 'p', spec }, { name: 'n1' })).toEqual(reasons);
  });
});
