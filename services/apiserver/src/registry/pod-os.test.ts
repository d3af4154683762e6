import { describe, expect, it } from 'vitest';
import { findings, type Json, sample } from './sample-objects.ts';

const main = { name: 'main', image: 'nginx:1' };
const refused = (spec: Json): string[] =>
  findings('pods', sample('pods', { spec: { containers: [main], ...spec } }));
const inContainer = (securityContext: Json): Json => ({ containers: [{ ...main, securityContext }] });

describe('the operating system of a pod', () => {
  it.each<[string, Json, string[]]>([
    [
      'is one that there is',
      { os: { name: 'plan9' } },
      ['spec.os: Unsupported value: "plan9": supported values: "linux", "windows"'],
    ],
    ['has a name', { os: { name: '' } }, ['spec.os.name: Required value: cannot be empty']],
    [
      'linux has no options of windows',
      {
        os: { name: 'linux' },
        securityContext: { windowsOptions: {} },
        ...inContainer({ windowsOptions: {} }),
      },
      [
        'spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod',
        'spec.containers[0].securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod',
      ],
    ],
    [
      'windows has no options of linux',
      {
        os: { name: 'windows' },
        hostUsers: true,
        shareProcessNamespace: false,
        securityContext: { fsGroup: 1, runAsUser: 1, supplementalGroups: [] },
        ...inContainer({ privileged: false, capabilities: {} }),
      },
      [
        'spec.hostUsers: Forbidden: cannot be set for a windows pod',
        'spec.securityContext.fsGroup: Forbidden: cannot be set for a windows pod',
        'spec.shareProcessNamespace: Forbidden: cannot be set for a windows pod',
        'spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod',
        'spec.containers[0].securityContext.capabilities: Forbidden: cannot be set for a windows pod',
        'spec.containers[0].securityContext.privileged: Forbidden: cannot be set for a windows pod',
      ],
    ],
  ])('%s', (_case, spec, expected) => {
    expect(refused(spec)).toEqual(expected);
  });
});

describe('options of containers on windows', () => {
  const user = (runAsUserName: string): string[] =>
    refused(inContainer({ windowsOptions: { runAsUserName } }));
  const path = 'spec.containers[0].securityContext.windowsOptions';

  it.each<[string, string[]]>([
    ['ContainerAdministrator', []],
    [String.raw`corp.example.com\joe`, []],
    ['', ['runAsUserName cannot be an empty string']],
    ['a\tb', ['runAsUserName cannot contain control characters']],
    [String.raw`a\b\c`, ['runAsUserName cannot contain more than one backslash']],
    [String.raw`.x:\joe`, ["runAsUserName's Domain doesn't match the NetBios nor the DNS format"]],
    ['x'.repeat(105), ["runAsUserName's User length must not be longer than 104 characters"]],
    ['. .', ["runAsUserName's User cannot contain only periods or spaces"]],
    ['a@b', [String.raw`runAsUserName's User cannot contain the following characters: "/\:;|=,+*?<>@[]`]],
  ])('run as %j', (name, expected) => {
    expect(user(name)).toEqual(
      expected.map((why) => `${path}.runAsUserName: Invalid value: ${JSON.stringify(name)}: ${why}`),
    );
  });

  it('have a credential of a length', () => {
    expect(refused(inContainer({ windowsOptions: { gmsaCredentialSpec: '' } }))).toEqual([
      `${path}.gmsaCredentialSpec: Invalid value: "": gmsaCredentialSpec cannot be an empty string`,
    ]);
    const [finding] = refused(inContainer({ windowsOptions: { gmsaCredentialSpec: 'x'.repeat(65_537) } }));
    expect(finding).toMatch(/gmsaCredentialSpec size must be under 64 KiB$/);
  });

  it('are processes of the host all or none, and on its network', () => {
    const spec = {
      securityContext: { windowsOptions: { hostProcess: true } },
      containers: [
        main,
        { name: 'b', image: 'b:1', securityContext: { windowsOptions: { hostProcess: false } } },
      ],
    };
    expect(refused(spec)).toEqual([
      'spec.containers[1].securityContext.windowsOptions.hostProcess: Invalid value: false: pod hostProcess value must be identical if both are specified, was true',
      'spec: Invalid value: "": If pod contains any hostProcess containers then all containers must be HostProcess containers',
      'spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers',
    ]);
  });
});
