/** Puts the container's interface into a VRF: a routing domain of its own, with a table of its own. */

import * as v from "valibot";
import type { Result } from "../../pkg/cni/result.ts";
import { aliasOf } from "../../pkg/link/attachment.ts";
import { findLink, removeLink } from "../../pkg/link/find.ts";
import { randomMac } from "../../pkg/link/mac.ts";
import { freeTable, isSystemTable, linksFirst, restoreRoute } from "../../pkg/link/routing.ts";
import { containerInterface, findContainerInterface } from "../../pkg/link/verify.ts";
import {
  dumpLinks,
  getLink,
  type Link,
  newLink,
  setLink,
} from "../../pkg/netlink/rtnetlink/link.ts";
import { dumpRoutes } from "../../pkg/netlink/rtnetlink/route.ts";
import { dumpRules } from "../../pkg/netlink/rtnetlink/rule.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";
import type { Context } from "../../pkg/skel/context.ts";
import { integer } from "../../pkg/skel/field.ts";
import { definePlugin } from "../../pkg/skel/plugin.ts";
import { refuse } from "../../pkg/skel/refuse.ts";
import { keep, othersInPlaceOf, putBack, putInto } from "./moved.ts";

const entries = {
  vrfname: v.optional(v.string(), ""),
  /** 0 leaves the choice to the plugin. */
  table: v.optional(integer(0, 0xffffffff), 0),
};

type VrfConfig = v.InferOutput<v.ObjectSchema<typeof entries, undefined>>;
type Call = Context<VrfConfig>;
type VrfLink = Link & { readonly kind: "vrf" };

/** The choice of a table and its use must not be another's too; sbr in the same container takes this lock as well. */
const patience = { timeoutMs: 30_000 };

export const vrf = definePlugin({
  name: "vrf",
  versions: ["0.3.1", "0.4.0", "1.0.0", "1.1.0"],
  config: entries,

  add(context) {
    const { container, cancelFd } = context;
    requireName(context.config);
    const prevResult = requireResult(context);
    container.exclusively({ ...patience, cancelFd }, () => {
      const link = requireLink(context);
      const master = findVrf(context) ?? createVrf(context, link);
      enslave(context, link, master);
    });
    return prevResult;
  },

  check(context) {
    const { config, container, ifName } = context;
    requireName(config);
    requireResult(context);
    const master = findVrf(context);
    const link = requireLink(context);
    if (master === undefined) throw new Error(`failed to find VRF ${config.vrfname}`);
    if (link.master === master.index) return;
    const actual = link.master === undefined ? "none" : nameOf(container, link.master);
    const detail = `its master is ${actual}`;
    throw new Error(`failed to find ${ifName} associated to vrf ${config.vrfname}: ${detail}`);
  },

  del(context) {
    const { config, ifName, attempt } = context;
    requireName(config);
    // A VRF goes with its namespace.
    const container = context.findContainer();
    if (container === undefined) return;
    attempt(() =>
      container.exclusively(patience, () => {
        const master = findLink(container, { name: config.vrfname });
        if (master?.kind !== "vrf") return;
        const link = findOwn(context, container.socket.dump(dumpLinks({ master: master.index })));
        if (link !== undefined) {
          container.send(
            setLink({ index: link.index, master: 0 }, `take ${ifName} out of its VRF`),
          );
        }
        removeEmpty(container, master);
      }),
    );
  },

  status({ config }) {
    requireName(config);
  },
});

/** The attachment's interface among those of a VRF: by the mark that its plugin left, its name, or the MAC it was told to have. */
function findOwn(context: Call, members: readonly Link[]): Link | undefined {
  const { ifName, prevResult } = context;
  const alias = aliasOf(context);
  const told = prevResult && findContainerInterface(prevResult, ifName);
  return (
    members.find((link) => link.alias === alias) ??
    members.find(({ name }) => name === ifName) ??
    members.find(({ mac }) => mac !== undefined && mac === told?.mac)
  );
}

/** As the kernel has names of links. */
function requireName({ vrfname }: VrfConfig): void {
  const isName = /^[^\s/:%]{1,15}$/.test(vrfname) && vrfname !== "." && vrfname !== "..";
  if (!isName) refuse("configuration is expected to have a valid vrf name");
}

function requireResult({ prevResult, ifName }: Call): Result {
  if (prevResult === undefined) throw new Error("missing prevResult from earlier plugin");
  containerInterface(prevResult, ifName);
  return prevResult;
}

function requireLink({ container, ifName: name }: Call): Link {
  const link = findLink(container, { name });
  if (link === undefined) throw new Error(`could not get link by name ${name}`);
  return link;
}

function nameOf(container: Namespace, index: number): string {
  return findLink(container, { index })?.name ?? `number ${index}`;
}

/** The VRF of the configuration's name, if there is one. Throws in the reference's words where it does not fit. */
function findVrf({ container, config }: Call): VrfLink | undefined {
  const { vrfname, table } = config;
  const found = findLink(container, { name: vrfname });
  if (found === undefined) return undefined;
  if (found.kind !== "vrf") throw new Error(`Netlink ${vrfname} is not a VRF`);
  const present = found.data?.table;
  if (table !== 0 && table !== present) {
    throw new Error(`VRF ${vrfname} already exist with different routing table ${present}`);
  }
  return found as VrfLink;
}

function createVrf(context: Call, link: Link): VrfLink {
  const { container, config, undo } = context;
  const name = config.vrfname;
  const used = usedTables(container, link);
  const table = config.table || freeTable(new Set(used.keys()), 1);
  const user = isSystemTable(table) ? "the kernel" : used.get(table);
  if (user !== undefined)
    throw new Error(`cannot create VRF ${name}: table ${table} is used by ${user}`);
  const mac = randomMac();
  undo.push(() => {
    const made = findLink(container, { name });
    if (made?.mac === mac) removeEmpty(container, made);
  });
  const [, made] = container.send(
    newLink({ kind: "vrf", name, mac, up: true, data: { table } }),
    getLink({ name }),
  );
  return made as VrfLink;
}

/** The tables that somebody uses, and who. Routes of the interface may be there ahead of its VRF. */
function usedTables(container: Namespace, { index }: Link): Map<number, string> {
  const used = new Map<number, string>();
  for (const rule of container.socket.dump(dumpRules())) {
    if (rule.table) used.set(rule.table, `rule ${rule.priority}`);
  }
  for (const route of container.socket.dump(dumpRoutes())) {
    if (route.table && route.index !== index) used.set(route.table, "a route");
  }
  for (const other of container.socket.dump(dumpLinks({ kind: "vrf" }))) {
    if (other.kind === "vrf" && other.data?.table) used.set(other.data.table, `VRF ${other.name}`);
  }
  return used;
}

/** The kernel takes the interface down for it: what that loses is put back, the routes into the VRF's table. */
function enslave(
  { container, undo }: Call,
  link: Link,
  { index: master, name, data }: VrfLink,
): void {
  const table = data?.table ?? 0;
  if (link.master !== undefined) {
    const other = nameOf(container, link.master);
    throw new Error(`interface ${link.name} has already a master set: ${other}`);
  }
  const { index } = link;
  const kept = keep(container, link);
  const replaced = linksFirst(othersInPlaceOf(table, container, link, kept));
  undo.push(() => {
    for (const route of replaced) restoreRoute(container, route);
  });
  undo.push(() => {
    const present = findLink(container, { index });
    if (present === undefined) return;
    if (present.master === master) container.send(setLink({ index, master: 0 }));
    putBack(container, link, kept);
  });
  container.send(setLink({ index, master }, `set vrf ${name} as master of ${link.name}`));
  putInto(table, container, link, kept);
}

/** Removes a VRF that nobody is in. */
function removeEmpty(container: Namespace, { index }: Link): void {
  const members = container.socket.dump(dumpLinks({ master: index }));
  if (members.length === 0) removeLink(container, { index });
}
