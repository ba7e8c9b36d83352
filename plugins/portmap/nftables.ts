/** A container's rules in the kernel: made, compared, found again and removed, both families in one transaction. */

import { ownerLength, ownerOf, ownerPrefix } from "../../pkg/filter/owner.ts";
import { type Address, type Family, families, sameAddress } from "../../pkg/ip/address.ts";
import type { Attachment } from "../../pkg/link/attachment.ts";
import type { Request } from "../../pkg/netlink/message.ts";
import type { NetlinkSocket } from "../../pkg/netlink/socket.ts";
import { dumpChains } from "../../pkg/nftables/chain.ts";
import { sameExpressions, sameRules } from "../../pkg/nftables/compare.ts";
import { dumpRuns } from "../../pkg/nftables/many.ts";
import type { ChainKey } from "../../pkg/nftables/message.ts";
import { deleteRule, dumpRules, type Rule } from "../../pkg/nftables/rule.ts";
import { transact } from "../../pkg/nftables/transaction.ts";
import { commentOf } from "../../pkg/nftables/userdata.ts";
import type { PortmapConfig } from "./config.ts";
import { type Forward, type Publication, sameHostIP, type Targets } from "./mapping.ts";
import { forwardsIn, portCount } from "./port-map.ts";
import {
  chainOf,
  containerChains,
  entryRules,
  type PlannedRule,
  planRules,
  ruleRequests,
  sharedRequests,
  tableOf,
} from "./rules.ts";

/** Publishes the ports, in place of what was published for this attachment. */
export function publish(
  socket: NetlinkSocket,
  owner: Attachment,
  config: PortmapConfig,
  [list, targets]: readonly [readonly Publication[], Targets],
): void {
  const id = ownerOf(owner);
  const plan = planRules(config, list, targets);
  // The reference's DEL knows rules by this comment, which must be the container id and nothing else.
  const notes = { comment: commentOf(owner.containerId), owner: id };
  transact(socket, () => {
    const present = readTables(socket);
    const listed = socket.dump(dumpChains());
    return [
      ...families.flatMap((family) =>
        targets[family] === undefined
          ? []
          : sharedRequests(family, config, present[family], listed),
      ),
      ...removal(pick(present, (rule) => rule.owner === id)),
      ...plan.flatMap((rule) => ruleRequests(rule, notes)),
    ];
  });
}

/** Throws where a rule is missing, or does not lead where it should. */
export function verify(
  socket: NetlinkSocket,
  owner: Attachment,
  config: PortmapConfig,
  [list, targets]: readonly [readonly Publication[], Targets],
): void {
  const id = ownerOf(owner);
  const present = readTables(socket);
  const own = pick(present, (rule) => rule.owner === id);
  for (const planned of planRules(config, list, targets)) {
    if (own.some((found) => isAsPlanned(socket, planned, found))) continue;
    throw new Error(`missing hostport rules in "${planned.chain.chain}" chain`);
  }
  for (const family of families) {
    if (targets[family] !== undefined) verifyEntries(family, present[family]);
  }
}

function verifyEntries(family: Family, present: readonly Rule[]): void {
  for (const [chain, wanted] of entryRules(family)) {
    if (
      sameRules(
        [wanted],
        present.filter((rule) => rule.chain === chain.chain),
      )
    )
      continue;
    throw new Error(`missing jump to hostport rules in "${chain.chain}" chain`);
  }
}

/** Takes back what a failed ADD made: its own rules only. */
export function retract(socket: NetlinkSocket, owner: Attachment): void {
  const id = ownerOf(owner);
  removeWhere(socket, (rule) => rule.owner === id);
}

/** Removes the attachment's rules, those the reference made for the container too; tells where they led. */
export function unpublish(socket: NetlinkSocket, owner: Attachment): Forward[] {
  const id = ownerOf(owner);
  const comment = commentOf(owner.containerId);
  return removeWhere(socket, (rule) =>
    rule.owner === undefined ? rule.comment === comment : rule.owner === id,
  );
}

/** Removes the rules of the network's attachments that are not valid any more; tells where they led. */
export function collect(
  socket: NetlinkSocket,
  network: string,
  valid: ReadonlySet<string>,
): Forward[] {
  const prefix = ownerPrefix(network);
  return removeWhere(
    socket,
    ({ owner = "" }) =>
      owner.length === ownerLength && owner.startsWith(prefix) && !valid.has(owner),
  );
}

function removeWhere(socket: NetlinkSocket, isGone: (rule: Rule) => boolean): Forward[] {
  let forwards: Forward[] = [];
  transact(socket, () => {
    const gone = pick(readTables(socket), isGone);
    forwards = gone.flatMap((found) => forwardsOf(socket, found));
    return removal(gone);
  });
  return forwards;
}

/** A rule and where it stands. */
interface Found {
  readonly chain: ChainKey;
  readonly rule: Rule;
}

/** Every rule of the tables: one request each. */
function readTables(socket: NetlinkSocket): Record<Family, Rule[]> {
  const read = (family: Family) => socket.dump(dumpRules(tableOf(family)));
  return { 4: read(4), 6: read(6) };
}

/** Those of containers that are wanted. */
function pick(tables: Record<Family, Rule[]>, isWanted: (rule: Rule) => boolean): Found[] {
  return families.flatMap((family) =>
    tables[family]
      .filter((rule) => containerChains.includes(rule.chain) && isWanted(rule))
      .map((rule) => ({ chain: chainOf(family, rule.chain), rule })),
  );
}

function removal(found: readonly Found[]): Request[] {
  return found.map(({ chain, rule }) => deleteRule(chain, rule));
}

function isAsPlanned(socket: NetlinkSocket, planned: PlannedRule, { chain, rule }: Found): boolean {
  const isThere =
    chain.family === planned.chain.family &&
    chain.chain === planned.chain.chain &&
    sameExpressions(planned.expressions, rule.expressions);
  if (!isThere || planned.ports === undefined) return isThere;
  const found = forwardsOf(socket, { chain, rule });
  const { address } = planned.target;
  return (
    portCount(found) === portCount(planned.ports) &&
    planned.ports.every((wanted) => found.some((forward) => covers(forward, wanted, address)))
  );
}

/** Whether all ports of a place lead where they should. */
function covers(forward: Forward, { protocol, hostIP, ports }: Publication, to: Address): boolean {
  if (forward.protocol !== protocol || !sameHostIP(forward.hostIP, hostIP)) return false;
  if (!sameAddress(forward.target, to)) return false;
  let isRight = true;
  ports.forEach((containerPort, hostPort) => {
    if (forward.ports.get(hostPort) !== containerPort) isRight = false;
  });
  return isRight;
}

/** What the rule's map holds; nothing for one without a map. */
function forwardsOf(socket: NetlinkSocket, { chain, rule }: Found): Forward[] {
  for (const { name, data } of rule.expressions) {
    if (name !== "lookup" || data?.set === undefined) continue;
    const runs = socket.dump(dumpRuns({ ...chain, set: data.set })).flat();
    return forwardsIn(runs, chain.family === "ipv4" ? 4 : 6);
  }
  return [];
}
