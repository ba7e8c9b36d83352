/** Alternative names of links: up to 127 bytes, found wherever a name is, kept when a link changes its namespace. */

import { attributes, flagged, listOf, string } from "../codec.ts";
import type { Request } from "../message.ts";
import { MessageFlag } from "../message.ts";
import { linkHeader } from "./link-settings.ts";

/** RTM_*LINKPROP, linux/rtnetlink.h */
const Type = { new: 108, delete: 109 } as const;

/** IFLA_PROP_LIST of IFLA_ALT_IFNAME; these requests, being young, insist on the nested flag */
const properties = attributes({ altNames: [52, flagged(listOf(53, string))] });

/** Gives the link further names; fails with EEXIST where one is taken. */
export function addAltNames(index: number, altNames: readonly string[]): Request {
  const flags = MessageFlag.create | MessageFlag.exclusive | MessageFlag.append;
  return change(Type.new, flags, index, altNames);
}

/** Takes names away; fails where the link does not have one. */
export function deleteAltNames(index: number, altNames: readonly string[]): Request {
  return change(Type.delete, 0, index, altNames);
}

function change(type: number, flags: number, index: number, names: readonly string[]): Request {
  const verb = type === Type.new ? "add" : "delete";
  return {
    purpose: `${verb} alternative names of link number ${index}`,
    type,
    flags,
    write(to) {
      linkHeader.put(to, { index });
      properties.write(to, { altNames: [...names] }, {});
    },
  };
}
