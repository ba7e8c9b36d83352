/** Ends a verb because of what the configuration says. */

import { CniError, ErrorCode } from "../cni/error.ts";

/** Throws code 7, invalid configuration. */
export function refuse(message: string): never {
  throw new CniError(ErrorCode.invalidConfig, message);
}

/** Throws code 2: a key, or its value, that this suite cannot honour. */
export function refuseUnsupported(key: string, value: unknown): never {
  const message = `unsupported field "${key}" with value ${JSON.stringify(value)}`;
  throw new CniError(ErrorCode.unsupportedField, message);
}
