/** Which controllers of the controller-manager run (upstream's --controllers). Pure. */

/** The controllers that there are, each with the short name that upstream also knows it by. */
export const CONTROLLER_ALIASES = {
  'namespace-controller': 'namespace',
  'serviceaccount-controller': 'serviceaccount',
  'root-ca-certificate-publisher-controller': 'root-ca-cert-publisher',
  'replicationcontroller-controller': 'replicationcontroller',
  'replicaset-controller': 'replicaset',
  'daemonset-controller': 'daemonset',
  'deployment-controller': 'deployment',
  'statefulset-controller': 'statefulset',
  'job-controller': 'job',
  'cronjob-controller': 'cronjob',
  'ttl-after-finished-controller': 'ttl-after-finished',
  'disruption-controller': 'disruption',
  'endpoints-controller': 'endpoint',
  'endpointslice-controller': 'endpointslice',
  'endpointslice-mirroring-controller': 'endpointslicemirroring',
  'service-lb-controller': 'service',
  'resourcequota-controller': 'resourcequota',
  'garbage-collector-controller': 'garbagecollector',
  'node-lifecycle-controller': 'nodelifecycle',
  'taint-eviction-controller': 'taint-eviction',
  'persistentvolume-binder-controller': 'persistentvolume-binder',
  'persistentvolume-expander-controller': 'persistentvolume-expander',
  'persistentvolumeclaim-protection-controller': 'pvc-protection',
  'persistentvolume-protection-controller': 'pv-protection',
  'ephemeral-volume-controller': 'ephemeral-volume',
  'pod-garbage-collector-controller': 'podgc',
  'ttl-controller': 'ttl',
} as const satisfies Readonly<Record<string, string>>;

const NAMES: readonly string[] = Object.keys(CONTROLLER_ALIASES);

function canonicalName(name: string): string | undefined {
  return NAMES.includes(name)
    ? name
    : Object.entries(CONTROLLER_ALIASES).find(([, alias]) => alias === name)?.[0];
}

/**
 * The controllers that a list such as `*,-podgc` or `deployment,replicaset` selects: a name
 * switches one on, a name after `-` off, `*` all that are not named. Which comes first does not
 * matter, as upstream.
 */
export function selectControllers(text: string): { names: string[]; problems: string[] } {
  const words = text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  const on = new Set<string>();
  const off = new Set<string>();
  const problems: string[] = [];
  for (const word of words.filter((each) => each !== '*')) {
    const name = canonicalName(word.replace(/^-/, ''));
    if (name === undefined) {
      problems.push(`no controller named ${JSON.stringify(word)}; there are: ${NAMES.join(', ')}`);
    } else if (word.startsWith('-')) off.add(name);
    else on.add(name);
  }
  const all = words.includes('*');
  const names = NAMES.filter((name) => on.has(name) || (all && !off.has(name)));
  return { names, problems };
}
