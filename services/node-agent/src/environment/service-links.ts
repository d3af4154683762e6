/**
 * The variables by which pods find Services (pkg/kubelet/envvars): those of the Services of their
 * namespace, and of the apiserver. Made once for all pods of a namespace, and again after a change.
 */

import type { Service } from '@orrery/api/gen/types.ts';
import type { Informer } from '@orrery/client/informer.ts';
import type { Variable } from './environment.ts';

/** The Service of the apiserver: told to every pod, whatever it wants. */
const MASTER = { namespace: 'default', name: 'kubernetes' } as const;

function variableName(text: string): string {
  return text.toUpperCase().replaceAll('-', '_');
}

/** The variables of one Service: its address, and those that Docker's links had. */
function serviceVariables({ metadata, spec }: Service): Variable[] {
  const prefix = variableName(metadata.name);
  const ip = spec?.clusterIP ?? '';
  const ports = (spec?.ports ?? []).map(({ port, name = '', protocol = 'TCP' }) => ({
    port,
    name,
    protocol,
  }));
  const [first] = ports;
  if (first === undefined) return [];
  const urlOf = (port: typeof first): string => `${port.protocol.toLowerCase()}://${ip}:${port.port}`;
  const variables: Variable[] = [
    [`${prefix}_SERVICE_HOST`, ip],
    [`${prefix}_SERVICE_PORT`, String(first.port)],
  ];
  for (const { name, port } of ports)
    if (name !== '') variables.push([`${prefix}_SERVICE_PORT_${variableName(name)}`, String(port)]);
  variables.push([`${prefix}_PORT`, urlOf(first)]);
  for (const each of ports) {
    const link = `${prefix}_PORT_${each.port}_${each.protocol.toUpperCase()}`;
    variables.push(
      [link, urlOf(each)],
      [`${link}_PROTO`, each.protocol.toLowerCase()],
      [`${link}_PORT`, String(each.port)],
      [`${link}_ADDR`, ip],
    );
  }
  return variables;
}

function hasAddress({ spec }: Service): boolean {
  return spec?.clusterIP !== undefined && spec.clusterIP !== '' && spec.clusterIP !== 'None';
}

function isMaster({ metadata: { namespace, name } }: Service): boolean {
  return namespace === MASTER.namespace && name === MASTER.name;
}

export class ServiceLinks {
  readonly #services: Pick<Informer<Service>, 'lister'>;
  /** By namespace; without links the one of no namespace. */
  readonly #known = new Map<string, readonly Variable[]>();

  constructor(services: Pick<Informer<Service>, 'lister' | 'addHandler'>) {
    this.#services = services;
    const forget = (service: Service): void => this.#forget(service);
    services.addHandler({ add: forget, update: forget, delete: forget });
  }

  /** The same array for all who ask between two changes. */
  variables(namespace: string, enableServiceLinks: boolean): readonly Variable[] {
    const key = enableServiceLinks ? namespace : '';
    let variables = this.#known.get(key);
    if (variables === undefined) {
      variables = this.#make(key);
      this.#known.set(key, variables);
    }
    return variables;
  }

  #make(namespace: string): readonly Variable[] {
    const { lister } = this.#services;
    const master = lister.get(`${MASTER.namespace}/${MASTER.name}`);
    const own = namespace === '' ? [] : lister.list(namespace).filter((each) => !isMaster(each));
    return [...own, ...(master === undefined ? [] : [master])]
      .filter(hasAddress)
      .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
      .flatMap(serviceVariables);
  }

  #forget(service: Service): void {
    if (isMaster(service)) this.#known.clear();
    else this.#known.delete(service.metadata.namespace ?? '');
  }
}
