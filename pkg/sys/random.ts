/** Random bytes from the kernel. Math.random is no substitute: its seed is frozen into the heap image. */

import { call } from "./syscall.ts";

/** `count` bytes that nobody can guess. */
export function randomBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  // Requests above 256 bytes may come back short.
  for (let done = 0; done < count; ) {
    const rest = bytes.subarray(done, done + 256);
    done += call("getrandom", rest, rest.length, 0);
  }
  return bytes;
}
