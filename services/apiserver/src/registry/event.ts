/** Events, in their first form (v1) and the later one (events.k8s.io/v1). */

import type { Event, KubeObject } from '@orrery/api/gen/types.ts';
import { Events } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { column, wideColumn } from './columns.ts';
import { define } from './definition.ts';
import { checkSyntax } from './fields.ts';
import { since } from './human-duration.ts';
import { pathSegmentProblems, qualifiedNameProblems } from './names.ts';

/** Upstream forgets events after an hour (`--event-ttl`). */
const TTL_MS = 3_600_000;

const MAX_CHARACTERS = { reportingInstance: 128, action: 128, reason: 128, message: 1024 } as const;

function firstSeen({ firstTimestamp, eventTime }: Event): string | undefined {
  return firstTimestamp ?? eventTime;
}

function lastSeen(event: Event): string | undefined {
  if (event.series !== undefined) return event.series.lastObservedTime;
  return event.lastTimestamp ?? firstSeen(event);
}

function objectCell({ involvedObject: { kind = '', name = '' } }: Event): string {
  return name === '' ? kind.toLowerCase() : `${kind.toLowerCase()}/${name}`;
}

function sourceCell({ source, reportingComponent = '', reportingInstance = '' }: Event): string {
  const component = source?.component || reportingComponent;
  const instance = source?.host || reportingInstance;
  return instance === '' ? component : `${component}, ${instance}`;
}

/** Events that say when they happened follow the rules of the later form; older ones hardly any. */
function validateEvent(event: Event): FieldError[] {
  const errors: FieldError[] = [];
  const { namespace } = event.metadata;
  const about = event.involvedObject.namespace ?? '';
  const isNew = event.eventTime !== undefined;
  const clusterScoped = namespace === 'default' || (isNew && namespace === 'kube-system');
  const matches = about === '' ? clusterScoped : isNew || about === namespace;
  if (!matches)
    errors.push(field.invalid('involvedObject.namespace', about, 'does not match event.namespace'));
  if (isNew) checkNewEvent(event, errors);
  return errors;
}

function checkNewEvent(event: Event, errors: FieldError[]): void {
  const { reportingComponent = '' } = event;
  if (reportingComponent === '') errors.push(field.required('reportingController'));
  checkSyntax(reportingComponent, 'reportingController', qualifiedNameProblems, errors);
  for (const key of ['reportingInstance', 'action', 'reason', 'message'] as const) {
    const text = event[key] ?? '';
    const max = MAX_CHARACTERS[key];
    if (text === '' && key !== 'message') errors.push(field.required(key));
    if (text.length > max) errors.push(field.invalid(key, '', `can have at most ${max} characters`));
  }
}

/** Copies the properties that are there under new names. */
function renamed(object: object, names: Readonly<Record<string, string>>): KubeObject {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(object)) {
    if (value !== undefined) result[names[key] ?? key] = value;
  }
  return result as unknown as KubeObject;
}

const LATER_NAMES: Readonly<Record<string, string>> = {
  involvedObject: 'regarding',
  message: 'note',
  reportingComponent: 'reportingController',
  source: 'deprecatedSource',
  firstTimestamp: 'deprecatedFirstTimestamp',
  lastTimestamp: 'deprecatedLastTimestamp',
  count: 'deprecatedCount',
};
const FIRST_NAMES = Object.fromEntries(Object.entries(LATER_NAMES).map(([first, later]) => [later, first]));

function fromLaterForm(object: KubeObject): KubeObject {
  const event = renamed(object, FIRST_NAMES) as Event;
  event.involvedObject ??= {};
  return event;
}

const about = (key: keyof Event['involvedObject']): ((event: Event) => string) => {
  return ({ involvedObject }) => involvedObject[key] ?? '';
};

const ABOUT_FIELDS = [
  'kind',
  'namespace',
  'name',
  'uid',
  'apiVersion',
  'resourceVersion',
  'fieldPath',
] as const;

/** The object that an event is about can be selected by under both of its names. */
const aboutFields = Object.fromEntries(
  ABOUT_FIELDS.flatMap((key) => [
    [`involvedObject.${key}`, about(key)],
    [`regarding.${key}`, about(key)],
  ]),
);

export const eventsDefinition = define<Event>({
  ref: Events,
  singular: 'event',
  shortNames: ['ev'],
  versions: [
    { group: '', version: 'v1' },
    {
      group: 'events.k8s.io',
      version: 'v1',
      toStored: fromLaterForm,
      fromStored: (object) => renamed(object, LATER_NAMES),
    },
  ],
  columns: [
    column('Last Seen', (object, nowMs) => since(lastSeen(object), nowMs)),
    column('Type', ({ type }) => type ?? ''),
    column('Reason', ({ reason }) => reason ?? ''),
    column('Object', objectCell),
    wideColumn('Subobject', ({ involvedObject }) => involvedObject.fieldPath ?? ''),
    wideColumn('Source', sourceCell),
    column('Message', ({ message }) => message?.trim() ?? ''),
    wideColumn('First Seen', (object, nowMs) => since(firstSeen(object), nowMs)),
    // An event of the later form that is no series happened once.
    wideColumn('Count', ({ series, count }) => (series === undefined ? count || 1 : (series.count ?? 0))),
    wideColumn('Name', ({ metadata }) => metadata.name),
  ],
  fields: {
    ...aboutFields,
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? '',
    reportingController: ({ reportingComponent }) => reportingComponent ?? '',
    source: ({ source, reportingComponent }) => source?.component || (reportingComponent ?? ''),
    type: ({ type }) => type ?? '',
  },
  subresources: [],
  createsOnUpdate: true,
  nameProblems: pathSegmentProblems,
  defaults: (object) => {
    object.involvedObject ??= {};
  },
  validate: validateEvent,
  ttlMs: TTL_MS,
});
