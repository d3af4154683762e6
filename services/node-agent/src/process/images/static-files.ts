/** Serves files over HTTP, as nginx and httpd do with what lies in their document root. */

import { FileError, type FileSystem } from '../../files/file-system.ts';
import type { HttpRequest, HttpResponse } from '../../network/network.ts';

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css',
  gif: 'image/gif',
  html: 'text/html',
  ico: 'image/x-icon',
  jpg: 'image/jpeg',
  js: 'application/javascript',
  json: 'application/json',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain',
  xml: 'text/xml',
};

export interface StaticSite {
  root: string;
  /** The Server header. */
  server: string;
  /** The page of an error. */
  errorPage: (status: number, reason: string) => string;
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Not Allowed',
};

/** The path that a target asks for; undefined when it is none, or leads out of the root. */
function pathOf(target: string): string | undefined {
  try {
    const path = decodeURIComponent(target.split('?', 1)[0]!);
    if (!path.startsWith('/') || path.includes('\0') || path.split('/').includes('..')) return undefined;
    return path;
  } catch {
    return undefined;
  }
}

function typeOf(path: string): string {
  const extension = path.slice(path.lastIndexOf('.') + 1);
  return Object.hasOwn(TYPES, extension) ? TYPES[extension]! : 'application/octet-stream';
}

export function serveFile(files: FileSystem, site: StaticSite, request: HttpRequest): HttpResponse {
  const failed = (status: number): HttpResponse => ({
    status,
    headers: { server: site.server, 'content-type': 'text/html' },
    body: site.errorPage(status, REASONS[status] ?? ''),
  });
  if (request.method !== 'GET' && request.method !== 'HEAD') return failed(405);
  const path = pathOf(request.target);
  if (path === undefined) return failed(400);
  try {
    let file = `${site.root}${path}`;
    let stat = files.stat(file);
    if (stat.type === 'directory') {
      if (!path.endsWith('/')) {
        const headers = { server: site.server, location: `${path}/` };
        return { status: 301, headers, body: '' };
      }
      file = `${file}index.html`;
      // A directory without an index may not be listed.
      if (!files.exists(file)) return failed(403);
      stat = files.stat(file);
    }
    const headers = {
      server: site.server,
      'content-type': typeOf(file),
      'last-modified': new Date(stat.modifiedAtMs).toUTCString(),
      etag: `"${Math.floor(stat.modifiedAtMs / 1_000).toString(16)}-${stat.sizeBytes.toString(16)}"`,
      'accept-ranges': 'bytes',
    };
    return { status: 200, headers, body: request.method === 'HEAD' ? '' : files.read(file) };
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return failed(error.code === 'EACCES' ? 403 : 404);
  }
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The combined log format that both servers write. */
export function accessLine(request: HttpRequest, response: HttpResponse, atMs: number): string {
  const [date = '', time = ''] = new Date(atMs).toISOString().split('T');
  const [year, month, day] = date.split('-');
  const when = `${day}/${MONTHS[Number(month) - 1]}/${year}:${time.slice(0, 8)} +0000`;
  const { method, target, headers, remoteAddress } = request;
  const size = Buffer.byteLength(response.body ?? '');
  const quoted = (name: string): string => `"${headers[name] ?? '-'}"`;
  return `${remoteAddress} - - [${when}] "${method} ${target} HTTP/1.1" ${response.status} ${size} ${quoted('referer')} ${quoted('user-agent')}`;
}
