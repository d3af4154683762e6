/** From a request body to an object of the type that the endpoint takes. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { apiVersionOf, parseApiVersion } from '@orrery/api/resources.ts';
import { badRequest, type StatusError } from '@orrery/api/status-error.ts';
import { conform } from '../schema/conform.ts';
import { depthError, parseJson } from '../schema/json.ts';
import { decodeEnvelope } from '../schema/protobuf.ts';
import { typeNameOf } from '../schema/table.ts';
import { unsupportedMediaType } from './errors.ts';
import { parseMediaType } from './media-type.ts';
import { parseYaml } from './yaml.ts';

/** The kind that an endpoint takes. */
export interface ExpectedKind {
  readonly kind: string;
  readonly group: string;
  readonly version: string;
  /** A kind that belongs to every group version: whichever the body names will do. */
  readonly anyVersion?: boolean;
}

export interface DecodedObject {
  /** Conforms to its type; without `kind` and `apiVersion`, which are known, and always with metadata. */
  object: KubeObject;
  /** Unknown and duplicate fields, in upstream's words. Duplicates only when they were asked for. */
  problems: string[];
}

const JSON_TYPE = 'application/json';
const YAML_TYPE = 'application/yaml';
const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';

interface ParsedBody {
  value: unknown;
  duplicates: string[];
}

/**
 * Decodes and conforms a body. `findsDuplicates` costs another pass over JSON.
 * @throws StatusError 415 for an unknown content type, 400 for everything that is wrong with the body.
 */
export async function decodeObject(
  body: Buffer,
  contentType: string | undefined,
  expected: ExpectedKind,
  findsDuplicates: boolean,
): Promise<DecodedObject> {
  const typeName = typeNameOf(expected.group, expected.version, expected.kind);
  if (typeName === undefined) throw new Error(`${expected.kind} is not in the type table`);
  try {
    const { value, duplicates } = await parseBody(body, contentType, expected, typeName, findsDuplicates);
    const candidate = asObject(value, body, expected.kind);
    checkKind(candidate, expected);
    const { object, unknown } = conform(typeName, candidate);
    const { kind: _kind, apiVersion: _apiVersion, ...rest } = object as unknown as KubeObject;
    rest.metadata ??= {} as KubeObject['metadata'];
    return { object: rest, problems: fieldProblems(unknown, duplicates) };
  } catch (error) {
    throw depthError(error);
  }
}

async function parseBody(
  body: Buffer,
  contentType: string | undefined,
  { kind }: ExpectedKind,
  typeName: string,
  findsDuplicates: boolean,
): Promise<ParsedBody> {
  switch (parseMediaType(contentType).type) {
    case '':
    case JSON_TYPE: {
      const parsed = parseJson(body.toString(), { kind, duplicates: findsDuplicates });
      return {
        value: parsed.value,
        duplicates: parsed.duplicates.map((path) => `duplicate field "${path}"`),
      };
    }
    case YAML_TYPE:
      return parseYaml(body.toString());
    case PROTOBUF_TYPE:
      return { value: decodeEnvelope(body, typeName).object, duplicates: [] };
    default:
      throw unsupportedMediaType([JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE]);
  }
}

/** Both kinds of problems; a field that is unknown twice over is only unknown. */
export function fieldProblems(unknown: readonly string[], duplicates: readonly string[]): string[] {
  const unknownProblems = unknown.map((path) => `unknown field "${path}"`);
  const known = duplicates.filter(
    (problem) => !unknown.some((path) => problem === `duplicate field "${path}"`),
  );
  return [...unknownProblems, ...known];
}

type Candidate = Record<string, unknown> & { kind?: string; apiVersion?: string };

/** What Go prints for the struct that it reads kind and version into. */
const TYPE_META =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

function asObject(value: unknown, body: Buffer, kind: string): Candidate {
  const unreadable = (what: string): StatusError => {
    const start = body.subarray(0, 30).toString(body[0] === 0x7b ? 'utf8' : 'hex');
    return badRequest(
      `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: json: cannot unmarshal ${what} (${start}${body.length > 30 ? ' ...' : ''})`,
    );
  };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const form = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
    throw unreadable(`${form} into Go value of type ${TYPE_META}`);
  }
  const candidate = value as Record<string, unknown>;
  for (const field of ['apiVersion', 'kind']) {
    const text = candidate[field] ?? '';
    if (typeof text !== 'string') {
      throw unreadable(`${typeof text} into Go struct field .${field} of type string`);
    }
  }
  return candidate;
}

/** What the body says it is, or the endpoint's own kind where it is silent, must be what the endpoint takes. */
function checkKind(candidate: Candidate, expected: ExpectedKind): void {
  const expectedVersion = apiVersionOf(expected);
  const kind = candidate.kind || expected.kind;
  const apiVersion = candidate.apiVersion || expectedVersion;
  if (kind === expected.kind && (expected.anyVersion === true || apiVersion === expectedVersion)) return;
  const { group, version } = parseApiVersion(apiVersion);
  const mismatch = (why: string): StatusError =>
    badRequest(
      `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${expected.kind}: ${why}`,
    );
  if (typeNameOf(group, version, kind) === undefined) {
    throw mismatch(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "orrery"`,
    );
  }
  if (kind !== expected.kind) {
    throw mismatch(
      `converting (${version}.${kind}) to (${expected.version}.${expected.kind}): unknown conversion`,
    );
  }
  throw badRequest(
    `the API version in the data (${apiVersion}) does not match the expected API version (${expectedVersion})`,
  );
}
