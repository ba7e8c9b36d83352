/** `dhcp status`: what the daemon keeps, as JSON. */

import { toCniError } from "../../pkg/cni/error.ts";
import { Fd } from "../../pkg/sys/fd.ts";
import { writeAll } from "../../pkg/sys/file.ts";
import { exit } from "../../pkg/sys/process.ts";
import { encode } from "../../pkg/sys/text.ts";
import { callDaemon } from "./call.ts";
import { defaultSocket } from "./config.ts";
import { readFlags } from "./flags.ts";

const usage = `Usage of dhcp status:
  -socketpath string
    	the daemon's socket (default "${defaultSocket}")
`;

/** Prints the daemon's state; exits with 1 where it cannot be had. */
export function printStatus(args: readonly string[]): never {
  const flags = readFlags(args, { socketpath: "text" });
  if (typeof flags === "string") {
    writeAll(new Fd(2), encode(flags === "" ? usage : `${flags}\n${usage}`));
    exit(flags === "" ? 0 : 2);
  }
  const { socketpath = defaultSocket } = flags as { socketpath?: string };
  try {
    const state = callDaemon(socketpath, { method: "status" }, { cancelFd: -1, timeoutMs: 10_000 });
    writeAll(new Fd(1), encode(`${JSON.stringify(state, null, 2)}\n`));
  } catch (error) {
    writeAll(new Fd(2), encode(`${toCniError(error).message}\n`));
    exit(1);
  }
  exit(0);
}
