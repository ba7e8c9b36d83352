/** A request the kernel refused. */

import { SysError } from "../sys/errno.ts";

/** What an extended acknowledgement adds to the errno. */
export interface Explanation {
  /** The kernel's own words. */
  readonly text?: string;
  /** Where in the request the attribute it objects to begins, counted from the message's header. */
  readonly offset?: number;
  /** The type of an attribute it misses. */
  readonly missing?: number;
}

/**
 * Reads `create link cni0: file exists`, or, where the kernel has words of its own,
 * `create link cni0: invalid argument: <those>`. It is a SysError whose call is the request's purpose,
 * so one check of `errno` serves both.
 */
export class NetlinkError extends SysError {
  override readonly name = "NetlinkError";
  readonly kernelText?: string;
  readonly offset?: number;
  readonly missing?: number;

  constructor(purpose: string, errno: number, why: Explanation = {}) {
    super(purpose, errno);
    if (why.text !== undefined) this.message += `: ${why.text}`;
    else if (why.missing !== undefined) this.message += `: attribute ${why.missing} is missing`;
    this.kernelText = why.text;
    this.offset = why.offset;
    this.missing = why.missing;
  }

  /** What was being done: `create link cni0`. */
  get purpose(): string {
    return this.call;
  }
}

/** Whether the kernel refused a request with one of these errno values. */
export function isNetlinkError(error: unknown, ...errnos: number[]): error is NetlinkError {
  return error instanceof NetlinkError && (errnos.length === 0 || errnos.includes(error.errno));
}
