/** iSCSI disks, of pods and of PersistentVolumes. */

import type { ISCSIVolumeSource } from '@orrery/api/gen/types.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkLun, checkRequiredFields } from './volume-sources.ts';

/** Names of iSCSI nodes by how they start. */
const NODE_NAME_FORMS: Readonly<Record<string, RegExp>> = {
  iqn: /iqn\.\d{4}-\d{2}\.[\dA-Za-z.-]+:[^,;*&$|\s]+$/,
  eui: /^eui.[\dA-Za-z]{16}$/,
  naa: /^naa.[\dA-Za-z]{32}$/,
};

const FORM = 'must be valid format';

const MAX_TARGET_CHARACTERS = 64;
const TARGET_TOO_LONG = `Total length of <volume name>:<iscsi.targetPortal> must be under ${MAX_TARGET_CHARACTERS} characters if iscsi.initiatorName is specified.`;

/** Where the disk is asked for; upstream's findings differ a little between the two. */
type Place = 'pod' | 'PersistentVolume';

function checkNodeName(name: string, place: Place, path: string, errors: FieldError[]): void {
  const form = NODE_NAME_FORMS[name.slice(0, 3)];
  if (form === undefined) {
    const why = place === 'pod' ? `${FORM} starting with iqn, eui, or naa` : FORM;
    errors.push(field.invalid(path, name, why));
  } else if (!form.test(name)) errors.push(field.invalid(path, name, FORM));
}

/** Checks the source of the volume `volumeName`, which stands at `volumePath`. */
export function checkIscsi(
  iscsi: Partial<ISCSIVolumeSource>,
  volumeName: string,
  place: Place,
  volumePath: string,
  errors: FieldError[],
): void {
  const { targetPortal = '', iqn = '', lun = 0, secretRef, initiatorName } = iscsi;
  const path = `${volumePath}.iscsi`;
  const tooLong =
    initiatorName !== undefined && `${volumeName}:${targetPortal}`.length > MAX_TARGET_CHARACTERS;
  if (targetPortal === '') errors.push(field.required(`${path}.targetPortal`));
  if (tooLong && place === 'PersistentVolume') {
    errors.push(field.invalid(`${path}.targetportal`, targetPortal, TARGET_TOO_LONG));
  }
  if (iqn === '') errors.push(field.required(`${path}.iqn`));
  else checkNodeName(iqn, place, `${path}.iqn`, errors);
  checkLun(lun, path, errors);
  if (iscsi.chapAuthDiscovery === true || iscsi.chapAuthSession === true) {
    checkRequiredFields(iscsi, ['secretRef'], path, errors);
  }
  if (secretRef !== undefined && place === 'PersistentVolume') {
    checkRequiredFields(secretRef, ['name'], `${path}.secretRef`, errors);
  }
  if (initiatorName !== undefined) checkNodeName(initiatorName, place, `${path}.initiatorname`, errors);
  if (tooLong && place === 'pod') {
    errors.push(field.invalid(`${volumePath}.name`, volumeName, TARGET_TOO_LONG));
  }
}
