/** Makes a persistent tap: a link whose wire is a file descriptor that programs open later. By ioctl, as it must be. */

import { OpenFlag, openFile } from "../sys/file.ts";
import { call } from "../sys/syscall.ts";
import { encode } from "../sys/text.ts";

const device = "/dev/net/tun";

/** TUNSET*, linux/if_tun.h: the same numbers on all our architectures */
const Request = {
  setInterface: 0x400454ca,
  setPersistent: 0x400454cb,
  setOwner: 0x400454cc,
  setGroup: 0x400454ce,
} as const;

/** IFF_*, linux/if_tun.h */
const Flag = { tap: 0x2, noPacketInfo: 0x1000, multiQueue: 0x100, exclusive: 0x8000 } as const;

/** struct ifreq: the name, then a union that begins with the flags */
const ifreqSize = 40;
const flagsAt = 16;

/** What a tap is to be. Left out, nobody but root may open it. */
export interface TapSettings {
  readonly name: string;
  /** Several programs or threads may each have a queue of their own. */
  readonly multiQueue: boolean;
  /** The numbers of the user and of the group that may open it. */
  readonly owner?: number;
  readonly group?: number;
}

/**
 * Makes the tap in the namespace the process is in. Fails with EBUSY where there is a link of that name: without
 * the flag for it, the kernel would attach to one that is there. Whoever opens it decides about headers.
 */
export function createTap({ name, multiQueue, owner, group }: TapSettings): void {
  using file = openFile(device, OpenFlag.readWrite);
  const request = new Uint8Array(ifreqSize);
  request.set(encode(name));
  const flags = Flag.tap | Flag.noPacketInfo | Flag.exclusive | (multiQueue ? Flag.multiQueue : 0);
  new DataView(request.buffer).setUint16(flagsAt, flags, true);
  call("ioctl", file.fd, Request.setInterface, request);
  // Until it is persistent it goes with the descriptor, whatever fails.
  if (owner !== undefined) call("ioctl", file.fd, Request.setOwner, owner);
  if (group !== undefined) call("ioctl", file.fd, Request.setGroup, group);
  call("ioctl", file.fd, Request.setPersistent, 1);
}

/** Whether this host can make taps. */
export function canMakeTaps(): boolean {
  try {
    openFile(device, OpenFlag.readWrite).close();
    return true;
  } catch {
    return false;
  }
}
