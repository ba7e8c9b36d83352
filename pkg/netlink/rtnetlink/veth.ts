/** A pair of links, each the other's wire. */

import { attributes, type ValueOf } from "../codec.ts";
import { plainLink } from "./link-settings.ts";

/** VETH_INFO_*, linux/veth.h */
export const veth = attributes({
  /** The other end. Its index is heeded only when the request names this end's index too. */
  peer: [1, plainLink],
});

export type Veth = ValueOf<typeof veth>;
