/** `$(VAR)` in commands, arguments, variables and paths (third_party/forked/golang/expansion). Pure. */

/** References of unknown variables stay as they are; `$$` is a dollar. `onMissing` is told of the unknown ones. */
export function expandVariables(
  text: string,
  valueOf: (name: string) => string | undefined,
  onMissing?: (name: string) => void,
): string {
  if (!text.includes('$')) return text;
  return text.replaceAll(/\$(\$|\(([^)]*)\))/g, (whole, dollar: string, name: string | undefined) => {
    if (dollar === '$') return '$';
    const value = valueOf(name ?? '');
    if (value === undefined) onMissing?.(name ?? '');
    return value ?? whole;
  });
}
