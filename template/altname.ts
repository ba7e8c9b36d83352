/** Gives the container's interface further names, by which `ip link` and programs find it. */

import { findLink } from "tscni/pkg/link/find.ts";
import { addAltNames, deleteAltNames } from "tscni/pkg/netlink/rtnetlink/alt-name.ts";
import { definePlugin } from "tscni/pkg/skel/plugin.ts";
import { refuse } from "tscni/pkg/skel/refuse.ts";
import * as v from "valibot";

export const altname = definePlugin({
  name: "altname",
  config: { names: v.optional(v.array(v.string()), []) },

  add(context) {
    const { config, ifName, prevResult, undo } = context;
    const names = checkNames(config.names);
    if (prevResult === undefined) return refuse("altname works on what a plugin before it made");
    // To ask for it opens it, which may fail: after the checks.
    const { container } = context;
    const link = findLink(container, { name: ifName });
    if (link === undefined) throw new Error(`cannot find interface "${ifName}"`);
    const missing = names.filter((name) => !link.altNames?.includes(name));
    if (missing.length === 0) return prevResult;
    // Before the change: it may have been made where the call fails all the same.
    undo.push(() => container.send(deleteAltNames(link.index, missing)));
    container.send(addAltNames(link.index, missing));
    return prevResult;
  },

  check({ config, container, ifName }) {
    const link = findLink(container, { name: ifName });
    const missing = config.names.filter((name) => !link?.altNames?.includes(name));
    if (missing.length > 0) throw new Error(`${ifName} is not called ${missing.join(", ")}`);
  },

  // What the runtime asks for may be gone already: the namespace, the interface, the names.
  del({ config, findContainer, ifName, attempt }) {
    const container = findContainer();
    const link = container && findLink(container, { name: ifName });
    const present = config.names.filter((name) => link?.altNames?.includes(name));
    if (container === undefined || link === undefined || present.length === 0) return;
    attempt(() => container.send(deleteAltNames(link.index, present)));
  },

  status({ config }) {
    checkNames(config.names);
  },
});

/** ALTIFNAMSIZ less its NUL, linux/if.h */
const longestName = 127;

function checkNames(names: readonly string[]): readonly string[] {
  for (const name of names) {
    if (/^[^/:\s]+$/.test(name) && name.length <= longestName) continue;
    refuse(`invalid value for "names": ${JSON.stringify(name)} is no name of an interface`);
  }
  return names;
}
