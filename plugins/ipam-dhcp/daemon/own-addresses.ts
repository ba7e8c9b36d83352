/** The addresses that a container makes itself in its routers' prefixes (RFC 4862, 5.5.3; RFC 7217). */

import { stableAddress } from "../../../pkg/dhcp6/stable-address.ts";
import { formatAddress } from "../../../pkg/ip/address.ts";
import type { Surroundings } from "./lease-client.ts";
import { neighborInquiry, Probe, type ProbePatience } from "./probe.ts";

/** IDGEN_RETRIES, RFC 7217, 7 */
const mostConflicts = 3;
/** As the kernel's max_addresses: whoever tells of more prefixes means no good. */
const mostAddresses = 16;

/** One prefix's address, as it is saved. */
export interface OwnAddress {
  readonly prefix: string;
  readonly address: string;
  readonly conflicts: number;
}

export class OwnAddresses {
  readonly #around: Surroundings;
  /** What the addresses are made of besides their prefixes. */
  readonly #whose: string;
  readonly #probing: () => ProbePatience;
  readonly #onChange: () => void;
  readonly #known = new Map<string, OwnAddress>();
  readonly #probes = new Map<string, Probe>();
  /** Prefixes that somebody else's addresses fill, or whose length does not fit. */
  readonly #refused = new Set<string>();

  constructor(
    around: Surroundings,
    { whose, probing }: { readonly whose: string; readonly probing: () => ProbePatience },
    onChange: () => void,
  ) {
    this.#around = around;
    this.#whose = whose;
    this.#probing = probing;
    this.#onChange = onChange;
  }

  /** Those that nobody else has. */
  get usable(): OwnAddress[] {
    return [...this.#known.values()];
  }

  /** Takes over what was in use. */
  restore(saved: readonly OwnAddress[]): void {
    for (const own of saved) this.#known.set(own.prefix, own);
  }

  /** Has an address in each of the prefixes, and in no other. */
  follow(prefixes: readonly string[]): void {
    for (const prefix of [...this.#known.keys(), ...this.#probes.keys()]) {
      if (!prefixes.includes(prefix)) this.#forget(prefix);
    }
    for (const prefix of this.#refused)
      if (!prefixes.includes(prefix)) this.#refused.delete(prefix);
    for (const prefix of prefixes) {
      if (this.#known.size + this.#probes.size + this.#refused.size >= mostAddresses) return;
      const isKnown = this.#known.has(prefix) || this.#probes.has(prefix);
      if (!isKnown && !this.#refused.has(prefix)) this.#make(prefix, 0);
    }
  }

  close(): void {
    for (const probe of this.#probes.values()) probe.close();
    this.#probes.clear();
  }

  #forget(prefix: string): void {
    this.#known.delete(prefix);
    this.#probes.get(prefix)?.close();
    this.#probes.delete(prefix);
  }

  #make(prefix: string, conflicts: number): void {
    const address = stableAddress(prefix, this.#whose, conflicts);
    if (address === undefined || conflicts > mostConflicts) {
      this.#refused.add(prefix);
      const reason = address === undefined ? "its length is not 64" : "all tried are taken";
      this.#around.log(`has no address in ${prefix}: ${reason}`);
      return;
    }
    const own = { prefix, address: formatAddress(address), conflicts };
    const patience = this.#probing();
    if (patience.ms === 0) {
      this.#known.set(prefix, own);
      return;
    }
    const probe = new Probe(
      this.#around,
      neighborInquiry(this.#around.link, address),
      patience,
      (taken) => this.#onProbed(own, taken),
    );
    this.#probes.set(prefix, probe);
  }

  #onProbed(own: OwnAddress, taken: boolean): void {
    this.#probes.delete(own.prefix);
    if (!taken) {
      this.#known.set(own.prefix, own);
      this.#onChange();
      return;
    }
    this.#around.log(`${own.address} is somebody else's: trying another`);
    this.#make(own.prefix, own.conflicts + 1);
  }
}
