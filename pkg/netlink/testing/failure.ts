/** What the kernel said, where a test expects it to refuse. */

import { NetlinkError } from "../error.ts";

/** The refusal that the work ends in; throws where it ends otherwise. */
export function failure(work: () => unknown): NetlinkError {
  try {
    work();
  } catch (error) {
    if (error instanceof NetlinkError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
