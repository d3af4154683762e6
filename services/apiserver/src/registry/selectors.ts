/** Labels and label selectors in objects (apimachinery/pkg/apis/meta/v1/validation). */

import type { LabelSelector } from '@orrery/api/gen/types.ts';
import type { Labels } from '@orrery/api/selectors.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkSyntax } from './fields.ts';
import { labelValueProblems, qualifiedNameProblems } from './names.ts';

/** A map of labels: findings carry the path of the map, as upstream's do. */
export function checkLabels(labels: Labels | undefined, path: string, errors: FieldError[]): void {
  for (const key in labels) {
    checkSyntax(key, path, qualifiedNameProblems, errors);
    checkSyntax(labels[key]!, path, labelValueProblems, errors);
  }
}

/** In and NotIn need values, Exists and DoesNotExist must have none. */
export function checkLabelSelector(
  selector: LabelSelector | undefined,
  path: string,
  errors: FieldError[],
): boolean {
  if (selector === undefined) return true;
  const before = errors.length;
  checkLabels(selector.matchLabels, `${path}.matchLabels`, errors);
  for (const [index, { key, operator, values = [] }] of (selector.matchExpressions ?? []).entries()) {
    const at = `${path}.matchExpressions[${index}]`;
    switch (operator) {
      case 'In':
      case 'NotIn':
        if (values.length === 0) {
          errors.push(field.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
        }
        break;
      case 'Exists':
      case 'DoesNotExist':
        if (values.length > 0) {
          errors.push(
            field.forbidden(
              `${at}.values`,
              "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            ),
          );
        }
        break;
      default:
        errors.push(field.invalid(`${at}.operator`, operator, 'not a valid selector operator'));
    }
    checkSyntax(key, `${at}.key`, qualifiedNameProblems, errors);
    for (const [at2, value] of values.entries()) {
      checkSyntax(value, `${at}.values[${at2}]`, labelValueProblems, errors);
    }
  }
  return errors.length === before;
}

export function isEmptySelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean {
  return matchExpressions.length === 0 && Object.keys(matchLabels).length === 0;
}

/** `a=b,c=d` in key order, or `<none>`: how columns show a map (`labels.FormatLabels`). */
export function formatLabels(labels: Labels | undefined): string {
  const text = labelsText(labels);
  return text === '' ? '<none>' : text;
}

/** `a=b,c=d` in key order. */
export function labelsText(labels: Labels = {}): string {
  return Object.keys(labels)
    .sort()
    .map((key) => `${key}=${labels[key]}`)
    .join(',');
}
