import { describe, expect, it } from 'vitest';
import { Deployments, Pods } from './resources.ts';
import {
  alreadyExists,
  badRequest,
  conflict,
  expired,
  type FieldError,
  field,
  forbidden,
  internalError,
  invalid,
  isAlreadyExists,
  isConflict,
  isNotFound,
  isStatusError,
  methodNotAllowed,
  notFound,
  qualifiedResource,
  resourceNotFound,
  serviceUnavailable,
  StatusError,
  tooManyRequests,
  unauthorized,
} from './status-error.ts';

const failure = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' };

describe('an error as a client sees it', () => {
  it.each<[string, StatusError, object]>([
    [
      'not found in the core group',
      notFound(Pods, 'web'),
      {
        code: 404,
        reason: 'NotFound',
        message: 'pods "web" not found',
        details: { name: 'web', kind: 'pods' },
      },
    ],
    [
      'not found in a group',
      notFound(Deployments, 'web'),
      {
        code: 404,
        reason: 'NotFound',
        message: 'deployments.apps "web" not found',
        details: { name: 'web', group: 'apps', kind: 'deployments' },
      },
    ],
    [
      'no such path',
      resourceNotFound(),
      {
        code: 404,
        reason: 'NotFound',
        message: 'the server could not find the requested resource',
        details: {},
      },
    ],
    [
      'taken',
      alreadyExists(Deployments, 'web'),
      {
        code: 409,
        reason: 'AlreadyExists',
        message: 'deployments.apps "web" already exists',
        details: { name: 'web', group: 'apps', kind: 'deployments' },
      },
    ],
    [
      'conflict',
      conflict(Pods, 'web', 'why'),
      {
        code: 409,
        reason: 'Conflict',
        message: 'Operation cannot be fulfilled on pods "web": why',
        details: { name: 'web', kind: 'pods' },
      },
    ],
    ['bad request', badRequest('why'), { code: 400, reason: 'BadRequest', message: 'why' }],
    [
      'forbidden',
      forbidden(Pods, 'web', 'why', [{ reason: 'R' }]),
      {
        code: 403,
        reason: 'Forbidden',
        message: 'pods "web" is forbidden: why',
        details: { name: 'web', kind: 'pods', causes: [{ reason: 'R' }] },
      },
    ],
    [
      'forbidden without a name',
      forbidden(Deployments, '', 'why'),
      {
        code: 403,
        reason: 'Forbidden',
        message: 'deployments.apps is forbidden: why',
        details: { group: 'apps', kind: 'deployments' },
      },
    ],
    [
      'method',
      methodNotAllowed(),
      {
        code: 405,
        reason: 'MethodNotAllowed',
        message: 'the server does not allow this method on the requested resource',
        details: {},
      },
    ],
    ['nobody', unauthorized(), { code: 401, reason: 'Unauthorized', message: 'Unauthorized' }],
    [
      'internal',
      internalError('why'),
      {
        code: 500,
        reason: 'InternalError',
        message: 'Internal error occurred: why',
        details: { causes: [{ message: 'why' }] },
      },
    ],
    [
      'away',
      serviceUnavailable('why'),
      { code: 503, reason: 'ServiceUnavailable', message: 'why', details: { retryAfterSeconds: 1 } },
    ],
    [
      'invalid without a subject, as for a patch',
      invalid({ group: '', kind: '', name: '' }, [field.invalid('patch', 'x', 'why')]),
      {
        code: 422,
        reason: 'Invalid',
        message: ' "" is invalid: patch: Invalid value: "x": why',
        details: {
          causes: [{ reason: 'FieldValueInvalid', message: 'Invalid value: "x": why', field: 'patch' }],
        },
      },
    ],
    [
      'too many',
      tooManyRequests('why', 5),
      { code: 429, reason: 'TooManyRequests', message: 'why', details: { retryAfterSeconds: 5 } },
    ],
    ['without a reason', new StatusError(500, '', 'why'), { code: 500, message: 'why' }],
  ])('%s', (_what, error, expected) => {
    expect(error.toStatus()).toEqual({ ...failure, ...expected });
    const read = StatusError.fromStatus(error.toStatus());
    expect(read).toBeInstanceOf(StatusError);
    expect(read.toStatus()).toEqual(error.toStatus());
  });

  it('carries the token with which an expired list goes on', () => {
    const status = expired('too old', 'token').toStatus();
    expect(status).toMatchObject({ code: 410, reason: 'Expired', metadata: { continue: 'token' } });
    expect(StatusError.fromStatus(status).continueToken).toBe('token');
  });

  it('that says little is still one', () => {
    const bare = StatusError.fromStatus({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
    });
    expect(bare).toMatchObject({ code: 500, reason: '', message: 'unknown error' });
  });
});

it('is recognised by its reason', () => {
  const [missing, taken, other] = [notFound(Pods, 'a'), alreadyExists(Pods, 'a'), conflict(Pods, 'a', 'x')];
  expect([isNotFound(missing), isNotFound(taken), isNotFound(new Error('not found'))]).toEqual([
    true,
    false,
    false,
  ]);
  expect([isAlreadyExists(taken), isAlreadyExists(other)]).toEqual([true, false]);
  expect([isConflict(other), isConflict(taken)]).toEqual([true, false]);
  expect(isStatusError(badRequest(''), 'BadRequest')).toBe(true);
});

it('a resource is named with its group', () => {
  expect([qualifiedResource(Pods), qualifiedResource(Deployments)]).toEqual(['pods', 'deployments.apps']);
});

describe('a finding of validation', () => {
  const textOf = (error: FieldError): string =>
    invalid({ group: '', kind: 'Pod', name: 'web' }, [error]).message.replace('Pod "web" is invalid: ', '');

  it.each<[FieldError, string]>([
    [field.required('a.b'), 'a.b: Required value'],
    [field.required('a', 'needed'), 'a: Required value: needed'],
    [field.invalid('a', 'x"y', 'bad'), 'a: Invalid value: "x\\"y": bad'],
    [field.invalid('a', 5, 'bad'), 'a: Invalid value: 5: bad'],
    [field.invalid('a', true, 'bad'), 'a: Invalid value: true: bad'],
    [field.invalid('a', ['x'], 'bad'), 'a: Invalid value: ["x"]: bad'],
    [field.invalid('a', { b: 1 }, ''), 'a: Invalid value: {"b":1}'],
    [field.duplicate('a', 'x'), 'a: Duplicate value: "x"'],
    [field.forbidden('a', 'never'), 'a: Forbidden: never'],
    [field.notFound('a', 'x'), 'a: Not found: "x"'],
    [field.notSupported('a', 'x', ['y', 'z']), 'a: Unsupported value: "x": supported values: "y", "z"'],
    [field.tooLong('a', 63), 'a: Too long: may not be more than 63 bytes'],
    [field.tooMany('a', 9, 8), 'a: Too many: 9: must have at most 8 items'],
  ])('%o', (error, expected) => {
    expect(textOf(error)).toBe(expected);
  });

  it('stands alone or with others in brackets, repeated words once, each with its cause', () => {
    const [first, second] = [field.required('a'), field.invalid('b', 1, 'bad')];
    const error = invalid({ group: 'apps', kind: 'Deployment', name: 'web' }, [first, second, first]);
    expect(error.toStatus()).toEqual({
      ...failure,
      code: 422,
      reason: 'Invalid',
      message: 'Deployment.apps "web" is invalid: [a: Required value, b: Invalid value: 1: bad]',
      details: {
        name: 'web',
        group: 'apps',
        kind: 'Deployment',
        causes: [
          { reason: 'FieldValueRequired', message: 'Required value', field: 'a' },
          { reason: 'FieldValueInvalid', message: 'Invalid value: 1: bad', field: 'b' },
          { reason: 'FieldValueRequired', message: 'Required value', field: 'a' },
        ],
      },
    });
  });
});
