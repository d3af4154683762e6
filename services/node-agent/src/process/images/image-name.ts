/** Names of images (github.com/distribution/reference). */

export interface ImageName {
  /** `docker.io`, `registry.k8s.io`, `localhost:5000`. */
  registry: string;
  /** `library/nginx`. */
  path: string;
  /** Absent when only a digest is given. */
  tag?: string;
  digest?: string;
}

const PATH_COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const PATH = new RegExp(`^${PATH_COMPONENT}(?:/${PATH_COMPONENT})*$`);
const DOMAIN =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::\d+)?$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const MAX_LENGTH = 255;

/** What is wrong with a name, in the words of the reference library. */
export class InvalidReference extends Error {
  constructor(why = 'invalid reference format') {
    super(why);
  }
}

/** A name in full: `nginx` is `docker.io/library/nginx:latest`. @throws InvalidReference */
export function parseImage(image: string): ImageName {
  const at = image.indexOf('@');
  const named = at < 0 ? image : image.slice(0, at);
  const digest = at < 0 ? undefined : image.slice(at + 1);
  if (digest !== undefined && !DIGEST.test(digest)) throw new InvalidReference();
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const repository = colon < 0 ? named : named.slice(0, colon);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) throw new InvalidReference();
  const { registry, path } = splitRepository(repository);
  if (!DOMAIN.test(registry)) throw new InvalidReference();
  if (!PATH.test(path)) {
    const isCase = PATH.test(path.toLowerCase());
    throw new InvalidReference(
      isCase ? 'invalid reference format: repository name must be lowercase' : undefined,
    );
  }
  if (path.length > MAX_LENGTH)
    throw new InvalidReference(`repository name must not be more than ${MAX_LENGTH} characters`);
  return {
    registry,
    path,
    ...(digest === undefined ? { tag: tag ?? 'latest' } : tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

function splitRepository(repository: string): { registry: string; path: string } {
  const slash = repository.indexOf('/');
  const first = slash < 0 ? '' : repository.slice(0, slash);
  const isRegistry = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  const registry = isRegistry ? first : 'docker.io';
  const path = isRegistry ? repository.slice(slash + 1) : repository;
  const isHub = registry === 'docker.io' || registry === 'index.docker.io';
  return {
    registry: isHub ? 'docker.io' : registry,
    path: isHub && !path.includes('/') ? `library/${path}` : path,
  };
}

/** `docker.io/library/nginx`. */
export function repositoryOf({ registry, path }: ImageName): string {
  return `${registry}/${path}`;
}

/** `docker.io/library/nginx:latest`. */
export function fullName(name: ImageName): string {
  const { tag, digest } = name;
  return `${repositoryOf(name)}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** The full name as statuses show it; a name that cannot be read as it is. */
export function normalizeImage(image: string): string {
  try {
    return fullName(parseImage(image));
  } catch (error) {
    if (error instanceof InvalidReference) return image;
    throw error;
  }
}

/** The name without tag and digest: `docker.io/library/nginx`. */
export function imageRepository(image: string): string {
  try {
    return repositoryOf(parseImage(image));
  } catch (error) {
    if (error instanceof InvalidReference) return image;
    throw error;
  }
}
