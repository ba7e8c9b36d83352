/** A link as the kernel describes it, each property decoded when it is looked at. */

import { Located } from "../located.ts";
import type { Reader } from "../wire.ts";
import {
  type FamilySettings,
  familySettings,
  ipv6Settings,
  type LinkKind,
  linkAttributes,
  linkInfo,
  type PortKind,
} from "./link-attributes.ts";
import { LinkFlag, linkHeader } from "./link-settings.ts";

/** RFC 2863 states in the order of IF_OPER_*, linux/if.h, worded as in sysfs */
const operStates = [
  "unknown",
  "notpresent",
  "down",
  "lowerlayerdown",
  "testing",
  "dormant",
  "up",
] as const;

export type OperState = (typeof operStates)[number];

/** A link as the kernel describes it. */
export type Link = LinkState & (LinkKind | OtherKind) & (PortKind | NoPort);

interface OtherKind {
  /** Undefined for hardware, and for loopback. */
  readonly kind?: string;
  readonly data?: undefined;
}

interface NoPort {
  readonly portKind?: string;
  readonly portData?: undefined;
}

interface LinkState {
  readonly index: number;
  readonly name: string;
  readonly altNames: readonly string[];
  readonly alias?: string;
  /** See LinkFlag. */
  readonly flags: number;
  readonly up: boolean;
  readonly operState: OperState;
  readonly carrier: boolean;
  /** ARPHRD_*, linux/if_arp.h: 1 is Ethernet */
  readonly hardwareType: number;
  readonly mtu: number;
  readonly minMtu?: number;
  readonly maxMtu?: number;
  /** Absent where links have none, as on a tunnel. */
  readonly mac?: string;
  readonly permanentMac?: string;
  readonly broadcast?: string;
  readonly txQueueLength: number;
  readonly txQueues: number;
  readonly rxQueues: number;
  readonly group: number;
  readonly master?: number;
  /** The link this one is made on; its index counts in the namespace linkNetnsId, where that is given. */
  readonly parent?: number;
  /** A veth's other end, likewise. */
  readonly peerIndex?: number;
  readonly linkNetnsId?: number;
  /** The one or the other, for who knows which it is: to tell the kind takes as long as all else. */
  readonly otherIndex?: number;
  /** How many want it promiscuous: itself (see flags), a bridge, a capture. */
  readonly promiscuity: number;
  readonly families: FamilySettings;
  /** Whether IPv6 knows the link: not where it is off for all, nor on links that are too narrow for it. */
  readonly hasIpv6: boolean;
}

/** Reads a link from an answer, or from a notification. */
export function readLink(from: Reader, start: number, end: number): Link {
  // Which data goes with which kind is what the tables of linkAttributes say.
  return new LinkAnswer(from, start, end) as LinkState as Link;
}

/** An answer of 1.5 KB, of which a reader wants five numbers. */
class LinkAnswer implements LinkState {
  readonly index: number;
  readonly flags: number;
  readonly hardwareType: number;
  readonly #values: Located<typeof linkAttributes.table>;
  #found: Located<typeof linkInfo.table> | undefined;

  constructor(from: Reader, start: number, end: number) {
    linkHeader.require(start, end);
    const at = start >> 2;
    const { words } = from;
    const { word } = linkHeader;
    this.index = words[at + word.index] as number;
    this.flags = (words[at + word.flags] as number) >>> 0;
    this.hardwareType = linkHeader.field.hardwareType.get(from, start);
    this.#values = Located.copyOf(linkAttributes, from, start + linkHeader.size, end);
  }

  get #info() {
    this.#found ??= this.#values.nested("linkInfo", linkInfo);
    return this.#found;
  }

  get name() {
    return this.#values.get("name") ?? "";
  }

  get altNames() {
    return this.#values.get("altNames") ?? [];
  }

  get alias() {
    return this.#values.get("alias");
  }

  get up() {
    return (this.flags & LinkFlag.up) !== 0;
  }

  get operState() {
    return operStates[this.#values.get("operState") ?? 0] ?? "unknown";
  }

  get carrier() {
    return this.#values.get("carrier") ?? false;
  }

  get mtu() {
    return this.#values.get("mtu") ?? 0;
  }

  get minMtu() {
    return this.#values.get("minMtu");
  }

  get maxMtu() {
    return this.#values.get("maxMtu");
  }

  get mac() {
    return this.#values.get("mac") || undefined;
  }

  get permanentMac() {
    return this.#values.get("permanentMac");
  }

  get broadcast() {
    return this.#values.get("broadcast") || undefined;
  }

  get txQueueLength() {
    return this.#values.get("txQueueLength") ?? 0;
  }

  get txQueues() {
    return this.#values.get("txQueues") ?? 0;
  }

  get rxQueues() {
    return this.#values.get("rxQueues") ?? 0;
  }

  get group() {
    return this.#values.get("group") ?? 0;
  }

  get master() {
    return this.#values.get("master");
  }

  get parent() {
    return this.kind === "veth" ? undefined : this.#values.get("parent");
  }

  get peerIndex() {
    return this.kind === "veth" ? this.#values.get("parent") : undefined;
  }

  get otherIndex() {
    return this.#values.get("parent");
  }

  get linkNetnsId() {
    return this.#values.get("linkNetnsId");
  }

  get promiscuity() {
    return this.#values.get("promiscuity") ?? 0;
  }

  get families() {
    return this.#values.get("families") ?? {};
  }

  get hasIpv6() {
    const families = this.#values.nested("families", familySettings);
    return families?.nested("ipv6", ipv6Settings) !== undefined;
  }

  get kind() {
    return this.#info?.get("kind");
  }

  get data() {
    return this.#info?.get("data");
  }

  get portKind() {
    return this.#info?.get("portKind");
  }

  get portData() {
    return this.#info?.get("portData");
  }
}
