/** What containers, networks and interfaces may be called. */

import { CniError, ErrorCode } from "./error.ts";

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const NOT_IN_INTERFACE = /[/:\p{White_Space}]/u;

/** What most interfaces are called: nothing else needs to be asked of it. */
const USUAL_INTERFACE = /^[a-zA-Z][a-zA-Z0-9_-]{0,14}$/;

/** IFNAMSIZ less its NUL, linux/if.h. */
const LONGEST_INTERFACE = 15;

export function checkContainerId(id: string): void {
  if (id === "") throw new CniError(ErrorCode.unknownContainer, "missing containerID");
  if (NAME.test(id)) return;
  throw new CniError(ErrorCode.invalidEnvironment, "invalid characters in containerID", id);
}

export function checkNetworkName(name: string): void {
  if (name === "") throw new CniError(ErrorCode.invalidConfig, "missing network name:");
  if (NAME.test(name)) return;
  const message = "invalid characters found in network name";
  throw new CniError(ErrorCode.invalidConfig, message, name);
}

/** Refuses what the kernel would refuse, and blanks of any kind. */
export function checkInterfaceName(name: string): void {
  if (USUAL_INTERFACE.test(name)) return;
  if (name === "") throw badInterface("is empty");
  if (utf8Length(name) > LONGEST_INTERFACE) {
    const limit = LONGEST_INTERFACE + 1;
    throw badInterface("is too long", `interface name should be less than ${limit} characters`);
  }
  if (name === "." || name === "..") throw badInterface("is . or ..");
  if (NOT_IN_INTERFACE.test(name)) throw badInterface("contains / or : or whitespace characters");
}

function badInterface(how: string, details?: string): CniError {
  return new CniError(ErrorCode.invalidEnvironment, `interface name ${how}`, details);
}

/** The kernel's limits count bytes. */
function utf8Length(text: string): number {
  let length = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return length;
}
