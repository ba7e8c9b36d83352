/** Errors as the CNI specification prints them. */

import { goJson } from "./json.ts";

/** https://www.cni.dev/docs/spec/#error; 100 and above are the plugins' own. */
export const ErrorCode = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodingFailure: 6,
  invalidConfig: 7,
  invalidNetns: 8,
  tryAgainLater: 11,
  notAvailable: 50,
  limitedConnectivity: 51,
  internal: 999,
} as const;

/** A failure whose code means something to the runtime; anything else thrown counts as internal. */
export class CniError extends Error {
  override readonly name = "CniError";
  readonly code: number;
  readonly details: string | undefined;

  constructor(code: number, message: string, details?: string) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** The error object for stdout; without `cniVersion` it is the reference's to the byte. */
export function printError(error: CniError, cniVersion?: string): string {
  const { code, message, details } = error;
  return goJson(
    {
      cniVersion: cniVersion || undefined,
      code,
      msg: message,
      details: details || undefined,
    },
    4,
  );
}

/** The error a failed call prints: the one thrown if it has a code, else the catch-all with its message. */
export function toCniError(error: unknown): CniError {
  if (error instanceof CniError) return error;
  // With no memory left for an error object the engine throws null.
  if (error === null) return new CniError(ErrorCode.internal, "out of memory");
  return new CniError(ErrorCode.internal, error instanceof Error ? error.message : String(error));
}

/** Message and details on one line, as the reference's logs show an error. */
export function errorText(error: CniError): string {
  return error.details ? `${error.message}; ${error.details}` : error.message;
}
