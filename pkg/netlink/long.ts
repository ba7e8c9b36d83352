/** Numbers of eight bytes, which are few and need not lie on a bound of their own. */

import { scalar } from "./codec.ts";
import type { Memory } from "./wire.ts";

export const u64 = scalar<bigint>(
  8,
  (to, at, value) => viewOf(to).setBigUint64(at, value, true),
  (from, at) => viewOf(from).getBigUint64(at, true),
);

/** Network byte order. */
export const be64 = scalar<bigint>(
  8,
  (to, at, value) => viewOf(to).setBigUint64(at, value),
  (from, at) => viewOf(from).getBigUint64(at),
);

function viewOf({ bytes }: Memory): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset);
}
