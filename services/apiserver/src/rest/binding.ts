/** Binding: the scheduler's word on where a pod runs, by subresource or by `POST bindings`. */

import type { Binding } from '@orrery/api/gen/types.ts';
import { badRequest, type FieldError, field, invalid, type Status } from '@orrery/api/status-error.ts';
import type { ExpectedKind } from './decode.ts';
import type { Edge } from './edge.ts';
import { type Exchange, requestContext } from './exchange.ts';
import { plainForms } from './negotiation.ts';
import { readObject } from './objects.ts';
import { optional } from './query.ts';
import { sendJson } from './respond.ts';
import type { Target } from './router.ts';
import { dryRunOf, fieldValidationOf } from './write-options.ts';

const BINDING: ExpectedKind = { kind: 'Binding', group: '', version: 'v1' };

const CREATED: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };

/** The pod; the name is empty where only the body has it. */
type PodTarget = Pick<Target, 'namespace' | 'name'>;

export async function createBinding(edge: Edge, exchange: Exchange, target: PodTarget): Promise<void> {
  const { encoding } = plainForms.negotiate(exchange.request.headers.accept);
  const dryRun = dryRunOf(exchange, 'CreateOptions');
  const validation = fieldValidationOf(exchange, 'CreateOptions');
  const binding = (await readObject(exchange, BINDING, validation)) as Binding;
  const name = podName(target, binding);
  refuseInvalid(binding, name);
  const { metadata = {} } = binding;
  await edge.api.bind(
    target.namespace,
    name,
    {
      nodeName: binding.target.name!,
      ...optional('uid', metadata.uid === '' ? undefined : metadata.uid),
      ...optional('annotations', metadata.annotations),
    },
    requestContext(exchange, dryRun),
  );
  await sendJson(exchange, 201, encoding, JSON.stringify(CREATED));
}

/** @throws StatusError 400 when URL and body disagree. */
function podName(target: PodTarget, { metadata = {} }: Binding): string {
  const { name, namespace } = metadata;
  if (namespace !== undefined && namespace !== '' && namespace !== target.namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  if (target.name === '') return name ?? '';
  if (name !== undefined && name !== '' && name !== target.name) {
    throw badRequest('name in URL does not match name in Binding object');
  }
  return target.name;
}

function refuseInvalid({ target }: Binding, name: string): void {
  const errors: FieldError[] = [];
  if (name === '') errors.push(field.required('metadata.name'));
  const kind = target?.kind ?? '';
  if (kind !== '' && kind !== 'Node')
    errors.push(field.notSupported('target.kind', kind, ['Node', '<empty>']));
  if ((target?.name ?? '') === '') errors.push(field.required('target.name'));
  if (errors.length > 0) throw invalid({ group: '', kind: 'Binding', name }, errors);
}
