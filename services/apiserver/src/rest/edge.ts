/** What the handlers of the REST edge are built on. */

import type { Clock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { ServiceAccountTokens } from '../authentication/service-account-tokens.ts';
import type { Api } from '../verbs/api.ts';
import type { UsageBook } from './metrics/usage-book.ts';
import type { NodeAgents } from './streaming/node-agents.ts';
import type { OpenStreams } from './streaming/upgrade.ts';
import type { OpenWatches } from './watch.ts';

export interface Edge {
  readonly api: Api;
  readonly tokens: ServiceAccountTokens;
  /** The cluster's clock: ages in tables. */
  readonly clock: Clock;
  /** Real time: how long connections may last. */
  readonly connectionClock: Clock;
  readonly logger: Logger;
  readonly watches: OpenWatches;
  readonly streams: OpenStreams;
  readonly agents: NodeAgents;
  readonly usage: UsageBook;
}
