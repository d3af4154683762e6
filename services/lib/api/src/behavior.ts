/**
 * `orrery.dev/behavior`: what the containers of a pod do, told by annotation instead of by their
 * command or image. YAML; a map from container name to a Behavior, `*` for all that are not named.
 * docs/containers.md is its reference.
 */

import { parseBehaviorText } from './behavior-fields.ts';

export const BEHAVIOR_ANNOTATION = 'orrery.dev/behavior';

/** The behaviour of all containers that the annotation does not name. */
export const ANY_CONTAINER = '*';

/** A value over the time since the container started: on a straight line from one to the other, and then constant. */
export interface Course {
  from: number;
  to: number;
  /** How long the way takes; 0 for a constant. */
  seconds: number;
}

export interface HttpAnswer {
  status: number;
  body?: string;
  headers?: Readonly<Record<string, string>>;
  delaySeconds?: number;
}

export interface LogLine {
  line: string;
  /** Once, at the start, when absent. */
  everySeconds?: number;
}

/** What one container does. Times are seconds of the cluster's clock since it started. */
export interface Behavior {
  /** Until then nobody listens on its ports. */
  startupSeconds?: number;
  /** Until then its HTTP paths answer 503. */
  readySeconds?: number;
  /** Exits by itself after so long; runs until stopped when absent. */
  runSeconds?: number;
  /** Of the exit after `runSeconds`. */
  exitCode?: number;
  /** How long each of the first runs lasts: they end with `crashExitCode`. */
  crashSeconds?: readonly number[];
  crashExitCode?: number;
  /** Thousandths of a core. */
  cpu?: Course;
  /** Bytes. */
  memory?: Course;
  /** Work for each HTTP request, in seconds of one core. */
  cpuSecondsPerRequest?: number;
  /** By port, then by path; a path that ends in `*` stands for all that begin so. */
  http?: ReadonlyMap<number, ReadonlyMap<string, HttpAnswer>>;
  /** Ports that take connections and say nothing. */
  tcp?: readonly number[];
  /** What the health service of a port answers (grpc.health.v1). */
  grpc?: ReadonlyMap<number, 'SERVING' | 'NOT_SERVING'>;
  logs?: readonly LogLine[];
  /** What TERM does: ends it after a while, or nothing. */
  termination?: 'ignore' | { seconds: number; exitCode: number };
}

export interface ParsedBehavior {
  /** By container; undefined where it cannot be read. */
  behaviors: ReadonlyMap<string, Behavior | undefined>;
  /** Each names the key and the way out; empty when nothing is wrong. */
  problems: readonly string[];
}

/** The pods of a workload all carry the same text. */
const memo = new Map<string, ParsedBehavior>();
const MEMO_LIMIT = 64;

/** Never throws: what cannot be read is a problem. */
export function parseBehavior(text: string): ParsedBehavior {
  let parsed = memo.get(text);
  if (parsed === undefined) {
    parsed = parseBehaviorText(text);
    if (memo.size >= MEMO_LIMIT) memo.clear();
    memo.set(text, parsed);
  }
  return parsed;
}

interface Annotated {
  metadata?: { annotations?: Readonly<Record<string, string>> };
}

/** The behaviour of one container; undefined when its pod says none, or none that can be read. */
export function behaviorOf({ metadata }: Annotated, container: string): Behavior | undefined {
  const text = metadata?.annotations?.[BEHAVIOR_ANNOTATION];
  if (text === undefined) return undefined;
  const { behaviors } = parseBehavior(text);
  return behaviors.get(behaviors.has(container) ? container : ANY_CONTAINER);
}

/** What is wrong with the annotation of a pod, or of a template, that has these containers. */
export function behaviorProblems({ metadata }: Annotated, containers: readonly string[]): readonly string[] {
  const text = metadata?.annotations?.[BEHAVIOR_ANNOTATION];
  if (text === undefined) return [];
  const { behaviors, problems } = parseBehavior(text);
  const strangers = [...behaviors.keys()].filter(
    (name) => name !== ANY_CONTAINER && !containers.includes(name),
  );
  if (strangers.length === 0) return problems;
  const names = containers.join(', ');
  return [
    ...problems,
    ...strangers.map(
      (name) =>
        `${name}: there is no such container; its containers are ${names}, and * stands for all others`,
    ),
  ];
}
