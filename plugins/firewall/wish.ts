/** What an attachment wants of the packet filter. */

import { toPrefix } from "../../pkg/cni/addresses.ts";
import type { Result } from "../../pkg/cni/result.ts";
import { ownerOf } from "../../pkg/filter/owner.ts";
import type { Family } from "../../pkg/ip/address.ts";
import { hostPrefix, type Prefix } from "../../pkg/ip/prefix.ts";
import type { Attachment } from "../../pkg/link/attachment.ts";
import { commentOf } from "../../pkg/nftables/userdata.ts";
import type { Policy, Settings } from "./config.ts";

/** Whose addresses may be forwarded to, and from whom. */
export interface Wish {
  readonly owner: string;
  /** The attachment, for people. */
  readonly comment: string;
  /** Each address alone, whatever its network. */
  readonly addresses: readonly Prefix[];
  /** Whether the addresses are to be let through here; with firewalld they are there, and here is only the policy. */
  readonly accept: boolean;
  readonly adminChain: string;
  readonly policy: Policy;
  /** The bridge that a policy is about; with the policy "open" none. */
  readonly bridge: string | undefined;
}

/** What ADD and CHECK want for the attachment. Throws where the policy needs a bridge and there is none. */
export function wishOf(attachment: Attachment, settings: Settings, prevResult: Result): Wish {
  const { policy, adminChain } = settings;
  const { network, ifName, containerId } = attachment;
  return {
    owner: ownerOf(attachment),
    comment: commentOf(`net: ${network}, if: ${ifName}, id: ${containerId}`),
    addresses: addressesOf(prevResult),
    accept: true,
    adminChain,
    policy,
    bridge: policy === "open" ? undefined : bridgeOf(prevResult, policy),
  };
}

/** All addresses of a result, whatever their interface, each once. */
export function addressesOf({ ips = [] }: Pick<Result, "ips">): Prefix[] {
  const found = new Map<string, Prefix>();
  for (const { address } of ips) {
    const alone = hostPrefix(toPrefix(address).address);
    found.set(`${alone.address.family}:${alone.address.value}`, alone);
  }
  return [...found.values()];
}

/** The addresses of one family. */
export function ofFamily(addresses: readonly Prefix[], family: Family): Prefix[] {
  return addresses.filter(({ address }) => address.family === family);
}

/** As the reference: the result's first interface. */
function bridgeOf({ interfaces = [] }: Result, policy: Policy): string {
  const [first] = interfaces;
  if (first === undefined) {
    throw new Error(
      `interface needs to be set for ingress policy "${policy}", make sure to chain "firewall" plugin with "bridge"`,
    );
  }
  if (first.name === "") throw new Error("got empty bridge name");
  return first.name;
}
