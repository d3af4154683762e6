import { describe, expect, it } from 'vitest';
import { jsonLine, parseLogLine, prettyLine } from './log-line.ts';

describe('parseLogLine', () => {
  it('reads the JSON of a service, without what its name says already', () => {
    const text =
      '{"level":40,"time":1700000000123,"pid":7,"service":"hpa","instance":"hpa-0","msg":"slow","key":"a/b","ms":12}';
    expect(parseLogLine('hpa', text)).toEqual({
      source: 'hpa',
      timeMs: 1_700_000_000_123,
      level: 'warn',
      message: 'slow',
      fields: { key: 'a/b', ms: 12 },
    });
  });

  it.each([
    {
      source: 'redis',
      text: '123:M 23 Nov 2026 15:42:01.123 # Server initialized',
      level: 'warn',
      message: 'Server initialized',
    },
    { source: 'redis', text: '123:M 03 Nov 2026 15:42:01.123 * Ready', level: 'info', message: 'Ready' },
    { source: 'nats', text: '[42] 2026/11/23 15:42:01.123456 [ERR] no', level: 'error', message: 'no' },
    { source: 'nats', text: '[42] 2026/11/23 15:42:01 [INF] yes', level: 'info', message: 'yes' },
  ])('reads the text of $source: $message', ({ source, text, level, message }) => {
    const line = parseLogLine(source, text);
    expect(line).toMatchObject({ source, level, message });
    const date = new Date(line.timeMs ?? NaN);
    expect([date.getFullYear(), date.getHours(), date.getSeconds()]).toEqual([2026, 15, 1]);
  });

  it.each([
    '    at main (file.ts:1:2)',
    '',
    '{"level":30}',
    '{broken',
    '[1] 2026/99/99 99:99:99 [INF] when?',
  ])('takes %j for a message without a time', (text) => {
    expect(parseLogLine('hpa', text)).toEqual({
      source: 'hpa',
      timeMs: undefined,
      level: 'info',
      message: text,
      fields: {},
    });
  });
});

describe('prettyLine', () => {
  const line = parseLogLine(
    'hpa',
    '{"level":30,"time":1700000000123,"msg":"scaled","from":1,"why":"too busy","err":{"stack":"Error: x\\n  at y"}}',
  );

  it('shows time, level, name, message, fields, and the error below', () => {
    expect(prettyLine(line, { colour: false, nameWidth: 5 })).toMatch(
      /^\d\d:\d\d:20\.123 INFO {2}hpa {3}scaled from=1 why="too busy"\n {4}Error: x\n {6}at y$/,
    );
  });

  it('leaves names out when there is only one', () => {
    expect(prettyLine(line, { colour: false, nameWidth: 0 })).toMatch(/^[\d:.]{12} INFO {2}scaled/);
  });

  it('colours for a terminal without changing the words', () => {
    const coloured = prettyLine(line, { colour: true, nameWidth: 5 });
    // oxlint-disable-next-line no-control-regex -- colours are control sequences
    expect(coloured.replaceAll(/\u001B\[\d+m/g, '')).toBe(prettyLine(line, { colour: false, nameWidth: 5 }));
    expect(coloured).toContain('\u001B[32mINFO');
  });
});

describe('jsonLine', () => {
  it('gives every log, also that of Redis, the form of the services', () => {
    const line = parseLogLine('redis', '1:M 23 Nov 2026 15:42:01.123 * Ready');
    expect(JSON.parse(jsonLine(line))).toEqual({
      level: 'info',
      time: line.timeMs,
      service: 'redis',
      msg: 'Ready',
    });
  });
});
