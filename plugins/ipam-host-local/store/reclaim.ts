/** Takes back what this machine reserved before its latest boot: nobody can hold it any more, and no DEL will come. */

import { attachmentClaimant, type Claims } from "./claims.ts";
import type { KnownFolder } from "./known-files.ts";
import type { Owner } from "./reservation.ts";
import type { SideIndex, SideIndexPlace } from "./side-index.ts";

/**
 * The most that is taken back at once: nobody waits for sixty thousand. What is left counts as taken, but for who has
 * a right to it, and the next calls go on.
 */
const mostAtOnce = 2000;

/** Takes back in the index's name. */
export class Reclaim {
  readonly #side: SideIndexPlace;
  readonly #claims: Claims;
  /** Runs what may fail without harm. */
  readonly #aside: (act: () => void) => void;
  #count = 0;

  constructor(side: SideIndexPlace, claims: Claims, aside: (act: () => void) => void) {
    this.#side = side;
    this.#claims = claims;
    this.#aside = aside;
  }

  /** Whether a folder holds what is to be taken back: this machine's, of another boot. */
  chooses({ boot, machine }: KnownFolder): boolean {
    const now = this.#side.boot;
    return now !== "" && boot !== now && machine !== "" && machine === this.#side.machineId();
  }

  /** Takes an address back, and keeps it for its owner, who may come back; false for one that stays reserved. */
  one(index: SideIndex, address: string): boolean {
    const isOld = index.reclaim(address, (owner) => this.#keep(address, owner));
    if (isOld) this.#count++;
    return isOld;
  }

  /** Takes some back; false where there are none. */
  some(index: SideIndex): boolean {
    const old = index.old();
    for (const address of old.slice(0, mostAtOnce)) this.one(index, address);
    return old.length > 0;
  }

  /** What has been done since this was asked last, for a person; undefined for nothing. */
  told(index: SideIndex | undefined): string | undefined {
    if (this.#count === 0) return undefined;
    const left = index?.old().length ?? 0;
    const rest = left === 0 ? "" : `, and left ${left} to the next calls`;
    const text = `took back ${this.#count} addresses reserved before the latest boot${rest}`;
    this.#count = 0;
    return text;
  }

  #keep(address: string, owner: Owner | undefined): void {
    this.#aside(() => {
      // What is kept for a name stays with that.
      const isKept = this.#claims.touch(address);
      if (owner && !isKept) this.#claims.add(attachmentClaimant(owner), address);
    });
  }
}
