import { describe, expect, test } from 'vitest';
import { listForms, type Negotiator, objectForms, plainForms, watchForms } from './negotiation.ts';

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const TABLES = `${TABLE},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json`;
const METADATA_LIST =
  'application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';
const METADATA = METADATA_LIST.replaceAll('MetadataList', 'Metadata');

function outcome(forms: Negotiator, accept: string | undefined): string {
  try {
    const { encoding, transform, transformVersion } = forms.negotiate(accept);
    return [encoding, transform, transformVersion].filter(Boolean).join(' ');
  } catch (error) {
    return (error as Error).message;
  }
}

const NONE = 'only the following media types are accepted: application/json, application/yaml';
const NONE_OF_WATCH = 'only the following media types are accepted: application/json';

describe('what a client gets for its Accept header', () => {
  const cases: [string, Negotiator, string | undefined, string][] = [
    ['no header', objectForms, undefined, 'json'],
    ['curl', objectForms, '*/*', 'json'],
    ['kubectl get', listForms, TABLES, 'json Table meta.k8s.io/v1'],
    ['kubectl get of one', objectForms, TABLES, 'json Table meta.k8s.io/v1'],
    ['kubectl get -w', watchForms, TABLES, 'json Table meta.k8s.io/v1'],
    ['a table of another version only', listForms, TABLE.replace('v=v1', 'v=v2'), NONE],
    ['a table of another group only', listForms, TABLE.replace('meta.k8s.io', 'x'), NONE],
    ['the older table', listForms, TABLE.replace('v=v1', 'v=v1beta1'), 'json Table meta.k8s.io/v1beta1'],
    ['a table where there is none, JSON as a fallback', plainForms, TABLES, 'json'],
    ['only a table where there is none', plainForms, TABLE, NONE],
    ['a typed client', objectForms, 'application/vnd.kubernetes.protobuf,application/json', 'json'],
    ['a controller', objectForms, 'application/vnd.kubernetes.protobuf, */*', 'json'],
    ['only protobuf', objectForms, 'application/vnd.kubernetes.protobuf', NONE],
    [
      'the garbage collector lists',
      listForms,
      METADATA_LIST,
      'json PartialObjectMetadataList meta.k8s.io/v1',
    ],
    ['the garbage collector watches', watchForms, METADATA, 'json PartialObjectMetadata meta.k8s.io/v1'],
    ['metadata of one for a list', listForms, METADATA.replace(/,application\/json$/, ''), NONE],
    ['YAML', objectForms, 'application/yaml', 'yaml'],
    ['YAML before JSON', objectForms, 'application/json;q=0.5, application/yaml', 'yaml'],
    ['a watch as YAML', watchForms, 'application/yaml', NONE_OF_WATCH],
    ['any application type', objectForms, 'text/html, application/*;q=0.8', 'json'],
  ];

  test.each(cases)('%s', (_name, forms, accept, expected) => {
    expect(outcome(forms, accept)).toBe(expected);
    // The second answer comes from memory.
    expect(outcome(forms, accept)).toBe(expected);
  });
});
