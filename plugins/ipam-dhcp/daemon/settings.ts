/** The daemon's command line, with the reference's flags. */

import { defaultSocket } from "../config.ts";
import { type FlagKind, readFlags } from "../flags.ts";

/** How the daemon runs. Times are milliseconds. */
export interface Settings {
  readonly pidfile: string;
  readonly hostprefix: string;
  readonly socketpath: string;
  readonly leasedir: string;
  readonly broadcast: boolean;
  readonly timeout: number;
  readonly resendmax: number;
  readonly resendtimeout: number;
}

const flags = {
  pidfile: "text",
  hostprefix: "text",
  socketpath: "text",
  leasedir: "text",
  broadcast: "boolean",
  timeout: "duration",
  resendmax: "duration",
  resendtimeout: "duration",
} as const satisfies Record<keyof Settings, FlagKind>;

export const usage = `Usage of dhcp daemon:
  -broadcast
    	ask servers to answer by broadcast
  -hostprefix string
    	prefix to the paths of the socket, of the leases and of network namespaces
  -leasedir string
    	directory of the leases (default: beside the socket, /run/cni/dhcp-leases)
  -pidfile string
    	file to write the process id to; an absolute path
  -resendmax duration
    	longest wait between two repetitions (default 1m2s)
  -resendtimeout duration
    	how long ADD tries to get a lease (default 3m28s)
  -socketpath string
    	socket to listen on (default "${defaultSocket}")
  -timeout duration
    	wait for an answer before a message is repeated (default 4s)
`;

/** The settings; a text says what is wrong, an empty one that help is wanted. */
export function readSettings(args: readonly string[]): Settings | string {
  const given = readFlags(args, flags);
  if (typeof given === "string") return given;
  const {
    hostprefix = "",
    socketpath = defaultSocket,
    leasedir,
    ...rest
  } = given as Partial<Settings>;
  return {
    pidfile: "",
    broadcast: false,
    timeout: 4_000,
    resendmax: 62_000,
    resendtimeout: 208_000,
    ...rest,
    hostprefix,
    socketpath: `${hostprefix}${socketpath}`,
    leasedir: `${hostprefix}${leasedir ?? leasesBeside(socketpath)}`,
  };
}

/** Where the leases of the daemon at a socket are, unless it was told another place. */
export function leasesBeside(socketpath: string): string {
  return `${socketpath.replace(/\.sock$/, "")}-leases`;
}
