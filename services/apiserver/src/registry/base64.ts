/** Base64 in objects: the data of Secrets and the binaryData of ConfigMaps. */

const FORM = /^[A-Za-z0-9+/]*={0,2}$/;
const LINE_BREAKS = /[\r\n]/g;

/**
 * The number of bytes that the text stands for, without decoding it; undefined when it is
 * not base64. Line breaks are ignored, as Go's decoder does.
 */
export function decodedBytes(text: string): number | undefined {
  const plain = text.includes('\n') ? text.replace(LINE_BREAKS, '') : text;
  if (plain.length % 4 !== 0 || !FORM.test(plain)) return undefined;
  const padding = plain.endsWith('==') ? 2 : plain.endsWith('=') ? 1 : 0;
  return (plain.length / 4) * 3 - padding;
}
