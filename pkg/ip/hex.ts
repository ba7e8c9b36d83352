/** The value of a hexadecimal digit's character code, -1 for any other (NaN, past a text's end, included). */
export function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
