/** /healthz, /livez, /readyz on the port of clients. */

import type { Exchange } from './exchange.ts';
import { flag } from './query.ts';
import { sendText } from './respond.ts';

interface HealthCheck {
  readonly name: string;
  /** Why it fails, or undefined. Strangers may ask, so the reason is not shown to them. */
  readonly failure: () => string | undefined;
}

const PING: HealthCheck = { name: 'ping', failure: () => undefined };
const PLAIN_TEXT = 'text/plain; charset=utf-8';

export class HealthEndpoint {
  readonly #checksByPath: ReadonlyMap<string, readonly HealthCheck[]>;

  /** `notReady` is what /readyz reports besides `ping`. */
  constructor(notReady: () => string | undefined) {
    this.#checksByPath = new Map([
      ['/healthz', [PING]],
      ['/livez', [PING]],
      ['/readyz', [PING, { name: 'apiserver', failure: notReady }]],
    ]);
  }

  get paths(): string[] {
    return [...this.#checksByPath].flatMap(([path, checks]) => [
      path,
      ...checks.map(({ name }) => `${path}/${name}`),
    ]);
  }

  /** Answers for the endpoints and the single checks below them; false when there is nothing at the path. */
  serve(exchange: Exchange, path: string): boolean {
    const slash = path.indexOf('/', 1);
    const root = slash < 0 ? path : path.slice(0, slash);
    const all = this.#checksByPath.get(root);
    if (all === undefined) return false;
    const excluded = exchange.query.getAll('exclude');
    const checks =
      slash < 0
        ? all.filter(({ name }) => !excluded.includes(name))
        : all.filter(({ name }) => name === path.slice(slash + 1));
    if (slash >= 0 && checks.length === 0) return false;
    report(exchange, root.slice(1), checks);
    return true;
  }
}

function report(exchange: Exchange, endpoint: string, checks: readonly HealthCheck[]): void {
  const results = checks.map(({ name, failure }) => ({ name, isOk: failure() === undefined }));
  const isOk = results.every((each) => each.isOk);
  const lines = results.map((each) =>
    each.isOk ? `[+]${each.name} ok` : `[-]${each.name} failed: reason withheld`,
  );
  lines.push(`${endpoint} check ${isOk ? 'passed' : 'failed'}`);
  const isBrief = isOk && flag(exchange.query, 'verbose') !== true;
  const body = isBrief ? 'ok' : `${lines.join('\n')}\n`;
  sendText(exchange, isOk ? 200 : 500, PLAIN_TEXT, body, ['X-Content-Type-Options', 'nosniff']);
}
