/** Redis: enough of its protocol for redis-cli, nc and the applications of tutorials. */

import type { Duplex } from 'node:stream';
import { NetworkError } from '../../network/network.ts';
import type { Process, Program } from '../process.ts';
import type { ImageName } from './image-name.ts';
import { serve } from './server.ts';
import { versionOf } from './version.ts';

const PORT = 6_379;
/** What one server may hold, and one command may be long: it is a model, not a store. */
const MAX_KEYS = 10_000;
const MAX_COMMAND_BYTES = 1024 * 1024;
const MAX_DATA_BYTES = 16 * 1024 * 1024;
const MEBIBYTE = 1024 * 1024;

type Value = string | string[];

/** A reply as RESP has it. */
type Reply = { simple: string } | { error: string } | number | string | null | Reply[];

function encode(reply: Reply): string {
  if (reply === null) return '$-1\r\n';
  if (typeof reply === 'number') return `:${reply}\r\n`;
  if (typeof reply === 'string') return `$${Buffer.byteLength(reply)}\r\n${reply}\r\n`;
  if (Array.isArray(reply)) return `*${reply.length}\r\n${reply.map(encode).join('')}`;
  return 'simple' in reply ? `+${reply.simple}\r\n` : `-${reply.error}\r\n`;
}

const OK: Reply = { simple: 'OK' };
const WRONG_TYPE: Reply = { error: 'WRONGTYPE Operation against a key holding the wrong kind of value' };
const NOT_INTEGER: Reply = { error: 'ERR value is not an integer or out of range' };
const OUT_OF_MEMORY: Reply = { error: "OOM command not allowed when used memory > 'maxmemory'." };

/** The data of one server. */
class Database {
  readonly #values = new Map<string, Value>();
  readonly #version: string;
  #bytes = 0;

  constructor(version: string) {
    this.#version = version;
  }

  get bytes(): number {
    return this.#bytes;
  }

  run([name = '', ...args]: readonly string[]): Reply {
    const [key = '', value = ''] = args;
    const held = this.#values.get(key);
    switch (name.toUpperCase()) {
      case 'PING':
        return args.length === 0 ? { simple: 'PONG' } : key;
      case 'ECHO':
        return key;
      case 'SET':
        return this.#put(key, value);
      case 'GET':
        return held === undefined ? null : typeof held === 'string' ? held : WRONG_TYPE;
      case 'MGET':
        return args.map((each) => {
          const found = this.#values.get(each);
          return typeof found === 'string' ? found : null;
        });
      case 'INCR':
      case 'DECR':
      case 'INCRBY':
      case 'DECRBY':
        return this.#add(key, name.toUpperCase(), value);
      case 'DEL':
      case 'UNLINK':
        return args.filter((each) => this.#delete(each)).length;
      case 'EXISTS':
        return args.filter((each) => this.#values.has(each)).length;
      case 'KEYS':
        return [...this.#values.keys()].filter(
          (each) => key === '*' || each.startsWith(key.replace(/\*$/, '')),
        );
      case 'DBSIZE':
        return this.#values.size;
      case 'FLUSHALL':
      case 'FLUSHDB':
        this.#values.clear();
        this.#bytes = 0;
        return OK;
      case 'LPUSH':
      case 'RPUSH':
        return this.#push(key, args.slice(1), name.toUpperCase() === 'LPUSH');
      case 'LPOP':
      case 'RPOP':
        return this.#pop(key, name.toUpperCase() === 'LPOP');
      case 'LLEN':
        return Array.isArray(held) ? held.length : held === undefined ? 0 : WRONG_TYPE;
      case 'LRANGE':
        return Array.isArray(held)
          ? held.slice(Number(value) || 0, endOf(args[2]))
          : held === undefined
            ? []
            : WRONG_TYPE;
      case 'INFO':
        return `# Server\r\nredis_version:${this.#version}\r\nredis_mode:standalone\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n# Keyspace\r\ndb0:keys=${this.#values.size},expires=0,avg_ttl=0\r\n`;
      case 'CONFIG':
        return key.toUpperCase() === 'GET' ? [value, ''] : OK;
      case 'COMMAND':
        return [];
      case 'AUTH':
      case 'SELECT':
      case 'CLIENT':
      case 'QUIT':
      case 'SAVE':
      case 'EXPIRE':
        return OK;
      default:
        return {
          error: `ERR unknown command '${name.slice(0, 128)}', with args beginning with: ${args
            .slice(0, 3)
            .map((each) => `'${each.slice(0, 64)}' `)
            .join('')}`,
        };
    }
  }

  #put(key: string, value: Value): Reply {
    const before = this.#sizeOf(key);
    const size = key.length + (typeof value === 'string' ? value.length : value.join('').length);
    const isFull = this.#values.size >= MAX_KEYS && !this.#values.has(key);
    if (isFull || this.#bytes - before + size > MAX_DATA_BYTES) return OUT_OF_MEMORY;
    this.#bytes += size - before;
    this.#values.set(key, value);
    return OK;
  }

  #sizeOf(key: string): number {
    const value = this.#values.get(key);
    if (value === undefined) return 0;
    return key.length + (typeof value === 'string' ? value.length : value.join('').length);
  }

  #delete(key: string): boolean {
    this.#bytes -= this.#sizeOf(key);
    return this.#values.delete(key);
  }

  #add(key: string, name: string, by: string): Reply {
    const held = this.#values.get(key) ?? '0';
    if (typeof held !== 'string') return WRONG_TYPE;
    const step = name.endsWith('BY') ? Number(by) : 1;
    const sum = Number(held) + (name.startsWith('DECR') ? -step : step);
    if (!Number.isSafeInteger(sum)) return NOT_INTEGER;
    const put = this.#put(key, String(sum));
    return put === OK ? sum : put;
  }

  #push(key: string, items: readonly string[], first: boolean): Reply {
    const held = this.#values.get(key) ?? [];
    if (!Array.isArray(held)) return WRONG_TYPE;
    if (held.length + items.length > MAX_KEYS) return OUT_OF_MEMORY;
    const put = this.#put(key, first ? [...items.toReversed(), ...held] : [...held, ...items]);
    return put === OK ? held.length + items.length : put;
  }

  #pop(key: string, first: boolean): Reply {
    const held = this.#values.get(key) ?? [];
    if (!Array.isArray(held)) return WRONG_TYPE;
    if (held.length === 0) return null;
    const item = first ? held[0]! : held.at(-1)!;
    const rest = first ? held.slice(1) : held.slice(0, -1);
    this.#delete(key);
    if (rest.length > 0) this.#put(key, rest);
    return item;
  }
}

function endOf(text: string | undefined): number | undefined {
  const last = Number(text ?? -1);
  return last === -1 ? undefined : last + 1;
}

/** Takes the commands out of what has arrived: RESP arrays, or lines as somebody types them. */
export function readCommands(buffer: string): { commands: string[][]; rest: string } {
  const commands: string[][] = [];
  let rest = buffer;
  while (rest.length > 0) {
    const line = /^([^\n]*?)\r?\n/.exec(rest);
    if (line === null) break;
    if (!line[1]!.startsWith('*')) {
      const words = line[1]!
        .trim()
        .split(/\s+/)
        .filter((word) => word !== '');
      if (words.length > 0) commands.push(words.map((word) => word.replaceAll(/^["']|["']$/g, '')));
      rest = rest.slice(line[0].length);
      continue;
    }
    let at = line[0].length;
    const words: string[] = [];
    for (let left = Number(line[1]!.slice(1)); left > 0; left -= 1) {
      const header = /^\$(\d{1,7})\r\n/.exec(rest.slice(at, at + 12));
      if (header === null) return { commands, rest };
      const length = Number(header[1]);
      const start = at + header[0].length;
      if (rest.length < start + length + 2) return { commands, rest };
      words.push(rest.slice(start, start + length));
      at = start + length + 2;
    }
    commands.push(words);
    rest = rest.slice(at);
  }
  return { commands, rest };
}

function talk(connection: Duplex, run: (command: readonly string[]) => Reply): void {
  let buffer = '';
  connection.on('error', () => undefined);
  connection.on('end', () => connection.end());
  connection.on('data', (chunk: Buffer) => {
    const read = readCommands(buffer + chunk.toString('latin1'));
    buffer = read.rest;
    const answers = read.commands.map((words) => encode(run(words))).join('');
    if (answers !== '') connection.write(Buffer.from(answers, 'latin1'));
    const isOver = read.commands.some(([name = '']) => name.toUpperCase() === 'QUIT');
    if (isOver || buffer.length > MAX_COMMAND_BYTES) connection.end();
  });
}

function portOf(argv: readonly string[]): number {
  const at = argv.indexOf('--port');
  const port = at < 0 ? PORT : Number(argv[at + 1]);
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : PORT;
}

export function redisServer(image: ImageName): Program {
  const version = versionOf(image, '8.2.1');
  return (process) => {
    const data = new Database(version);
    const run = (words: readonly string[]): Reply => {
      const reply = data.run(words);
      process.usage.set({ memoryBytes: 7 * MEBIBYTE + data.bytes });
      return reply;
    };
    const { clock, pid, argv } = process;
    const at = (): string => new Date(clock.now()).toUTCString().slice(5, 25);
    const line = (text: string): string => `${pid}:M ${at()}.000 * ${text}`;
    const port = portOf(argv);
    return serve(process, {
      ports: [[port, { accept: (connection) => talk(connection, run) }]],
      lines: [
        `${pid}:C ${at()}.000 * oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo`,
        line(`Running mode=standalone, port=${port}.`),
        line('Ready to accept connections tcp'),
      ],
      farewell: () => [line('User requested shutdown...'), line('Redis is now ready to exit, bye bye...')],
      idle: { cpuMilli: 3, memoryMiB: 7 },
      portTaken: (taken, reason) =>
        `${pid}:M # Warning: Could not create server TCP listening socket *:${taken}: bind: ${reason}`,
    });
  };
}

/** How redis-cli prints a reply: for a program when it is not on a terminal. */
function printed(text: string): string {
  const lines = text.split('\r\n').slice(0, -1);
  return lines
    .filter((line) => !/^[$*]\d+$/.test(line))
    .map((line) => (line === '$-1' ? '' : line.replace(/^[+:]/, '').replace(/^-/, '(error) ')))
    .map((line) => `${line}\n`)
    .join('');
}

/** `redis-cli [-h HOST] [-p PORT] COMMAND`. */
export async function redisCli(process: Process): Promise<number> {
  let host = '127.0.0.1';
  let port = PORT;
  const words: string[] = [];
  const args = process.argv.slice(1);
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index]!;
    if (words.length > 0 || !arg.startsWith('-')) words.push(arg);
    else if (arg === '-h') host = args[(index += 1)] ?? host;
    else if (arg === '-p') port = Number(args[(index += 1)] ?? port);
    else if (arg === '-a' || arg === '-n') index += 1;
  }
  try {
    const connection = await process.network.connect(host, port, {
      timeoutMs: 5_000,
      signal: process.killed,
    });
    const chunks: Buffer[] = [];
    connection.on('data', (chunk: Buffer) => chunks.push(chunk));
    const over = new Promise<void>((resolve) => {
      connection.on('error', () => resolve());
      connection.on('end', () => resolve());
    });
    const wanted = words.length === 0 ? [['PING'], ['QUIT']] : [words, ['QUIT']];
    connection.end(Buffer.from(wanted.map(encode).join('')));
    await over;
    const answer = Buffer.concat(chunks)
      .toString()
      .replace(/\+OK\r\n$/, '');
    await process.stdout.write(printed(answer));
    return answer.startsWith('-') ? 1 : 0;
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    await process.stderr.write(`Could not connect to Redis at ${host}:${port}: ${error.message}\n`);
    return 1;
  }
}
