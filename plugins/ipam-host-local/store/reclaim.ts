/** Takes back what this machine reserved before its latest boot: nobody can hold it any more, and no DEL will come. */

import { unlink } from "../../../pkg/sys/file.ts";
import { attachmentClaimant, type Claims } from "./claims.ts";
import type { KnownFolder } from "./known-files.ts";
import type { Owner } from "./reservation.ts";
import type { SideIndexPlace } from "./side-index.ts";

/** What a refresh calls to have reservations taken back. */
export class Reclaim {
  /** How many addresses it was. */
  count = 0;
  readonly #side: SideIndexPlace;
  readonly #claims: Claims;
  /** Runs what may fail without harm. */
  readonly #aside: (act: () => void) => void;

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

  /** Takes an address back, and keeps it for its owner, who may come back. */
  take(address: string, owner: Owner | undefined): void {
    this.#aside(() => {
      // What is kept for a name stays with that.
      const isKept = this.#claims.touch(address);
      if (owner && !isKept) this.#claims.add(attachmentClaimant(owner), address);
    });
    unlink(address, this.#side.directory);
    this.count++;
  }
}
