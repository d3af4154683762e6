/**
 * What a request is about, read from its method and URL alone, before anything is looked up
 * (apiserver/pkg/endpoints/request/requestinfo.go).
 */

import { badRequest } from '@orrery/api/status-error.ts';
import { flag } from './query.ts';

export interface RequestInfo {
  readonly path: string;
  /** Below /api/VERSION or /apis/GROUP/VERSION. The fields after `verb` are empty otherwise. */
  readonly isResource: boolean;
  /** get, list, watch, create, update, patch, delete, deletecollection; the method in lower case elsewhere. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly resource: string;
  readonly name: string;
  /** What follows the name, `status` for instance. */
  readonly subresource: string;
}

const VERB_BY_METHOD: Readonly<Record<string, string>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
};

/** After a namespace's name these are its own subresources, not resources inside of it. */
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

/** @throws StatusError 400 for a path that is not properly escaped. */
export function requestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const segments = segmentsOf(path);
  const isCore = segments[0] === 'api';
  const prefixLength = isCore ? 2 : segments[0] === 'apis' ? 3 : Number.POSITIVE_INFINITY;
  if (segments.length <= prefixLength) {
    return { ...NO_RESOURCE, path, verb: method.toLowerCase() };
  }
  const group = isCore ? '' : segments[1]!;
  const version = segments[prefixLength - 1]!;
  const isWatchPath =
    method === 'GET' && segments[prefixLength] === 'watch' && segments.length > prefixLength + 1;
  const rest = segments.slice(isWatchPath ? prefixLength + 1 : prefixLength);
  const place = placeOf(rest);
  const watches = isWatchPath || (method === 'GET' && flag(query, 'watch') === true);
  return { path, isResource: true, verb: verbOf(method, place.name, watches), group, version, ...place };
}

const NO_RESOURCE = {
  isResource: false,
  group: '',
  version: '',
  namespace: '',
  resource: '',
  name: '',
  subresource: '',
} as const;

/** The parts between slashes; a slash at the end is passed over. */
function segmentsOf(path: string): string[] {
  const segments = path.split('/');
  segments.shift();
  if (segments.at(-1) === '') segments.pop();
  return path.includes('%') ? segments.map(unescapeSegment) : segments;
}

function unescapeSegment(segment: string): string {
  try {
    const plain = decodeURIComponent(segment);
    if (!plain.includes('/')) return plain;
  } catch {
    // Not escaped properly: the same answer.
  }
  throw badRequest(`the path segment ${JSON.stringify(segment)} is not valid`);
}

type Place = Pick<RequestInfo, 'namespace' | 'resource' | 'name' | 'subresource'>;

function placeOf(rest: readonly string[]): Place {
  const [first = '', second = '', third = ''] = rest;
  const isInNamespace = first === 'namespaces' && third !== '' && !NAMESPACE_SUBRESOURCES.has(third);
  if (!isInNamespace) {
    return { namespace: '', resource: first, name: second, subresource: rest.slice(2).join('/') };
  }
  return { namespace: second, resource: third, name: rest[3] ?? '', subresource: rest.slice(4).join('/') };
}

function verbOf(method: string, name: string, watches: boolean): string {
  switch (method) {
    case 'GET':
      return watches ? 'watch' : name === '' ? 'list' : 'get';
    case 'DELETE':
      return name === '' ? 'deletecollection' : 'delete';
    default:
      return VERB_BY_METHOD[method] ?? method.toLowerCase();
  }
}
