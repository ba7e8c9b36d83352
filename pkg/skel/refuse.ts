/** Ends a verb because of what the configuration says. */

import { CniError, ErrorCode } from "../cni/error.ts";

/** Throws code 7, invalid configuration. */
export function refuse(message: string): never {
  throw new CniError(ErrorCode.invalidConfig, message);
}
