/**
 * The OpenAPI v2 document in the protobuf form of gnostic (openapiv2/OpenAPIv2.proto), with
 * nothing in it. Everything that clients check is in the v3 documents. kubectl asks for v2 all
 * the same as soon as it meets a kind that v3 does not know (`kind: List`, a kind that is not
 * served), and without it refuses the whole input instead of saying which kind there is not.
 */

const LENGTH_DELIMITED = 2;

/** One length-delimited field; all of them are shorter than 128 bytes here. */
function field(number: number, content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | LENGTH_DELIMITED, content.length]), content]);
}

/** Numbers of the fields of openapi.v2.Document and openapi.v2.Info. */
const DOCUMENT = { swagger: 1, info: 2, paths: 8, definitions: 9 };
const INFO = { title: 1, version: 2 };

/** `version` is the server's, such as v1.34.0. */
export function emptyOpenApiV2(version: string): Buffer {
  const info = Buffer.concat([
    field(INFO.title, Buffer.from('Kubernetes')),
    field(INFO.version, Buffer.from(version)),
  ]);
  return Buffer.concat([
    field(DOCUMENT.swagger, Buffer.from('2.0')),
    field(DOCUMENT.info, info),
    field(DOCUMENT.paths, Buffer.alloc(0)),
    field(DOCUMENT.definitions, Buffer.alloc(0)),
  ]);
}
