/** Which parts fail, how, and when: drawn from a seed, so that a schedule can be repeated. */

export const PARTS = [
  'apiserver',
  'controller-manager',
  'scheduler',
  'hpa',
  'node-agent',
  'redis',
  'nats',
] as const;
export type Part = (typeof PARTS)[number];

/** Killed and started again by the supervisor, or stopped for a while and continued. */
type Harm = 'kill' | 'freeze';

export interface Fault {
  readonly harms: readonly (readonly [Harm, Part])[];
  /** The Deployment grows, or shrinks again. */
  readonly during: 'growth' | 'shrinking';
  /** It strikes when so many pods are there. */
  readonly atPods: number;
}

export interface ScheduleOptions {
  readonly seed: number;
  readonly rounds: number;
  readonly fewestPods: number;
  readonly mostPods: number;
}

/** Ways to harm two parts at once, besides killing both. */
const MIXED: readonly (readonly [Harm, Harm])[] = [
  ['freeze', 'freeze'],
  ['freeze', 'kill'],
  ['kill', 'freeze'],
];

/**
 * Every part killed as the Deployment grows and as it shrinks, and frozen; every pair killed
 * at once, and harmed at once in one of the other ways.
 */
export function schedule({ seed, rounds, fewestPods, mostPods }: ScheduleOptions): Fault[] {
  const random = generator(seed);
  const atPods = (): number => fewestPods + Math.floor(random() * (mostPods - fewestPods));
  const round = (): Fault[] => [
    ...PARTS.map((part): Fault => ({ harms: [['kill', part]], during: 'growth', atPods: atPods() })),
    ...PARTS.map((part): Fault => ({ harms: [['kill', part]], during: 'shrinking', atPods: atPods() })),
    ...PARTS.map((part): Fault => ({ harms: [['freeze', part]], during: 'growth', atPods: atPods() })),
    ...pairs().flatMap(([first, second]): Fault[] => {
      const [one, other] = MIXED[Math.floor(random() * MIXED.length)]!;
      const kills: Fault['harms'] = [
        ['kill', first],
        ['kill', second],
      ];
      const mixed: Fault['harms'] = [
        [one, first],
        [other, second],
      ];
      return [kills, mixed].map((harms) => ({ harms, during: 'growth', atPods: atPods() }));
    }),
  ];
  return Array.from({ length: rounds }, round).flat();
}

export function describeFault({ harms, during, atPods }: Fault): string {
  const what = harms.map(([harm, part]) => `${harm} ${part}`).join(' and ');
  return `${what}, at ${atPods} pods during ${during}`;
}

function pairs(): [Part, Part][] {
  return PARTS.flatMap((first, index) =>
    PARTS.slice(index + 1).map((second): [Part, Part] => [first, second]),
  );
}

/** A small generator (mulberry32) of numbers in [0, 1). */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
