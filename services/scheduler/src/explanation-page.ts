/** The page that explains decisions: `/debug/decisions?pod=NAMESPACE/NAME`. */

import type { PageAnswer } from '@orrery/kit/health.ts';
import type { DecisionLog } from './decision-log.ts';

export function explanation(decisions: DecisionLog, query: URLSearchParams): PageAnswer {
  const pod = query.get('pod');
  if (pod === null || !pod.includes('/')) {
    return { code: 400, body: { error: 'the parameter "pod" must be NAMESPACE/NAME' } };
  }
  const found = decisions.explain(pod);
  return found === undefined
    ? { code: 404, body: { error: `no decision about pod ${pod} is kept` } }
    : { code: 200, body: found };
}
