/** How a supervising process reacts to signals. */

import type { SupervisedCluster } from './cluster.ts';

/** What ends a program in order: Ctrl-C, `kill`, a closed terminal. */
export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface SignalWatch {
  /** From now on the first signal takes this cluster down in order, and the second at once. */
  use(cluster: SupervisedCluster): void;
  release(): void;
}

/** Until there is a cluster, the first signal calls `giveUp`. */
export function stopOnSignals(giveUp: () => void): SignalWatch {
  let cluster: SupervisedCluster | undefined;
  let signals = 0;
  const onSignal = (): void => {
    signals += 1;
    if (signals > 1) {
      cluster?.supervisor.abandon();
    } else if (cluster === undefined) {
      giveUp();
    } else {
      void cluster.stop();
    }
  };
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  return {
    use: (started) => {
      cluster = started;
    },
    release: () => {
      for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
    },
  };
}
