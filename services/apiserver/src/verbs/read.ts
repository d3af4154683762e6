/** GET and LIST. */

import { objectKey } from '@orrery/api/meta.ts';
import { badRequest, expired, field, invalid, notFound, StatusError } from '@orrery/api/status-error.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import type { ResourceDefinition } from '../registry/definition.ts';
import { CompactedError, type ListRequest, type Store, type Stored } from '../store/store.ts';
import type { ListOptions, ListResult, Selection } from './api.ts';
import type { VerbDependencies } from './dependencies.ts';
import { decodeObject, storeName } from './encoding.ts';

/** Carries out `Api.get`. */
export async function get(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  namespace: string,
  name: string,
  notOlderThan?: string,
): Promise<Stored> {
  const revision = parseResourceVersion(notOlderThan) ?? 0;
  if (revision > 0) await awaitRevision(dependencies, revision);
  const stored = await dependencies.store.get(storeName(definition), objectKey(namespace, name));
  if (stored === undefined) throw notFound(definition.ref, name);
  return stored;
}

/** Whether the selection wants the object; parses it only if it must. */
export function selects(selection: Selection | undefined, stored: Pick<Stored, 'value'>): boolean {
  if (selection?.labels === undefined && selection?.fields === undefined) return true;
  const object = decodeObject(stored);
  return (selection.labels?.(object.metadata.labels) ?? true) && (selection.fields?.(object) ?? true);
}

function isSelective(selection: Selection | undefined): boolean {
  return selection?.labels !== undefined || selection?.fields !== undefined;
}

interface ContinueToken {
  v: 'orrery/v1';
  /** Revision that all pages show; -1 when they may differ. */
  rv: number;
  /** The last key of the page before. */
  after: string;
}

function encodeToken(rv: number, after: string): string {
  return Buffer.from(JSON.stringify({ v: 'orrery/v1', rv, after } satisfies ContinueToken)).toString(
    'base64url',
  );
}

function decodeToken(text: string): ContinueToken {
  try {
    const token = JSON.parse(Buffer.from(text, 'base64url').toString()) as Partial<ContinueToken>;
    if (token.v === 'orrery/v1' && Number.isSafeInteger(token.rv) && typeof token.after === 'string') {
      return token as ContinueToken;
    }
  } catch {
    // Falls through to the one answer for everything that is not a token of ours.
  }
  throw badRequest('invalid continue token: continue key is not valid: it was not made by this server');
}

/** Parses a resourceVersion parameter; undefined when absent. */
export function parseResourceVersion(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (!/^\d{1,15}$/.test(text))
    throw badRequest(
      `invalid resource version: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  return Number(text);
}

function optionError(kind: string, path: string, detail: string): StatusError {
  return invalid({ group: 'meta.k8s.io', kind, name: '' }, [field.forbidden(path, detail)]);
}

function checkMatch(options: ListOptions, revision: number | undefined): void {
  const match = options.resourceVersionMatch ?? '';
  if (match === '') return;
  const refuse = (detail: string): StatusError => optionError('ListOptions', 'resourceVersionMatch', detail);
  if (options.continueToken !== undefined && options.continueToken !== '') {
    throw refuse('resourceVersionMatch is forbidden when continue is provided');
  }
  if (revision === undefined)
    throw refuse('resourceVersionMatch is forbidden unless resourceVersion is provided');
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions', name: '' }, [
      field.notSupported('resourceVersionMatch', match, ['Exact', 'NotOlderThan']),
    ]);
  }
  if (match === 'Exact' && revision === 0) {
    throw refuse('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
}

/** How long a read waits for a revision that the store has not reached yet, in real milliseconds. */
const FUTURE_REVISION_WAIT_MS = 3_000;
const FUTURE_REVISION_POLL_MS = 50;

/** Resolves when the store has reached the revision. @throws StatusError 504 when it does not in time. */
export async function awaitRevision(
  { store, realClock = systemClock }: Pick<VerbDependencies, 'store' | 'realClock'>,
  revision: number,
): Promise<void> {
  const deadlineMs = realClock.now() + FUTURE_REVISION_WAIT_MS;
  for (;;) {
    const current = await store.currentRevision();
    if (current >= revision) return;
    if (realClock.now() >= deadlineMs) throw tooLargeRevision(revision, current);
    await realClock.sleep(FUTURE_REVISION_POLL_MS);
  }
}

function tooLargeRevision(revision: number, current: number): StatusError {
  const message = `Too large resource version: ${revision}, current: ${current}`;
  return new StatusError(504, 'Timeout', `Timeout: ${message}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

interface ListPlan {
  request: ListRequest;
  /** The revision was asked for exactly: 410 instead of a fresh token when it is gone. */
  exact: boolean;
}

function planList(
  definition: ResourceDefinition,
  options: ListOptions,
  revision: number | undefined,
): ListPlan {
  const request: ListRequest = { resource: storeName(definition) };
  if (options.namespace !== undefined && options.namespace !== '') request.namespace = options.namespace;
  if (options.maxBytes !== undefined) request.maxBytes = options.maxBytes;
  // "Any" revision means everything at once: upstream answers it from a cache without pages.
  if (options.limit !== undefined && options.limit > 0 && revision !== 0) request.limit = options.limit;
  if (options.continueToken !== undefined && options.continueToken !== '') {
    if (revision !== undefined && revision !== 0) {
      throw badRequest('specifying resource version is not allowed when using continue');
    }
    const token = decodeToken(options.continueToken);
    request.after = token.after;
    if (options.limit !== undefined && options.limit > 0) request.limit = options.limit;
    if (token.rv >= 0) request.atRevision = token.rv;
    return { request, exact: false };
  }
  const match = options.resourceVersionMatch ?? '';
  const exact = match === 'Exact' || (match === '' && request.limit !== undefined && (revision ?? 0) > 0);
  if (exact && revision !== undefined) request.atRevision = revision;
  return { request, exact };
}

function compacted(request: ListRequest, exact: boolean): StatusError {
  if (exact || request.after === undefined) {
    return expired('The resourceVersion for the provided list is too old.');
  }
  return expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    encodeToken(-1, request.after),
  );
}

/** Pages that a selection leaves nearly empty are filled up in steps of this many objects. */
const SELECTIVE_STEP = 500;

/** Carries out `Api.list`. */
export async function list(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  options: ListOptions,
): Promise<ListResult> {
  const revision = parseResourceVersion(options.resourceVersion);
  checkMatch(options, revision);
  const { request, exact } = planList(definition, options, revision);
  if (revision !== undefined && revision > 0) await awaitRevision(dependencies, revision);
  const { store } = dependencies;
  try {
    return isSelective(options.selection)
      ? await listSelected(store, request, options.selection)
      : await listAll(store, request);
  } catch (error) {
    if (error instanceof CompactedError) throw compacted(request, exact);
    throw error;
  }
}

async function listAll(store: Store, request: ListRequest): Promise<ListResult> {
  const page = await store.list(request);
  return {
    items: page.items,
    revision: page.revision,
    continueToken: page.next === undefined ? undefined : encodeToken(page.revision, page.next),
    remainingItemCount: page.remaining > 0 ? page.remaining : undefined,
  };
}

async function listSelected(
  store: Store,
  request: ListRequest,
  selection: Selection | undefined,
): Promise<ListResult> {
  const { limit = 0, maxBytes = Number.POSITIVE_INFINITY } = request;
  if (request.limit === undefined && request.maxBytes === undefined) {
    const page = await store.list(request);
    const items = page.items.filter((each) => selects(selection, each));
    return { items, revision: page.revision, continueToken: undefined, remainingItemCount: undefined };
  }
  const items: Stored[] = [];
  let bytes = 0;
  const step: ListRequest = { ...request, limit: Math.max(limit, SELECTIVE_STEP) };
  for (;;) {
    const page = await store.list(step);
    for (const [index, item] of page.items.entries()) {
      if (!selects(selection, item)) continue;
      items.push(item);
      bytes += Buffer.byteLength(item.value);
      const isLast = index === page.items.length - 1 && page.next === undefined;
      if ((items.length === limit || bytes >= maxBytes) && !isLast) {
        const continueToken = encodeToken(page.revision, item.key);
        return { items, revision: page.revision, continueToken, remainingItemCount: undefined };
      }
    }
    if (page.next === undefined) {
      return { items, revision: page.revision, continueToken: undefined, remainingItemCount: undefined };
    }
    step.after = page.next;
    step.atRevision = page.revision;
  }
}
