/** Policy routing: which routing table a packet is looked up in. */

import type { Family } from "../../ip/address.ts";
import type { Prefix } from "../../ip/prefix.ts";
import { ipAddress } from "../address-codec.ts";
import { attributes, string, u8, u32 } from "../codec.ts";
import { Located } from "../located.ts";
import { MessageFlag, type Request } from "../message.ts";
import { struct } from "../struct.ts";
import type { Reader, Writer } from "../wire.ts";
import { familyNumber, familyOf } from "./family.ts";

/** RTM_*RULE, linux/rtnetlink.h */
const Type = { new: 32, delete: 33, get: 34 } as const;

/** struct fib_rule_hdr, linux/fib_rules.h */
const ruleHeader = struct({
  family: u8,
  dstLength: u8,
  srcLength: u8,
  tos: u8,
  table: u8,
  reserved: u8,
  reservedToo: u8,
  action: u8,
  flags: u32,
});

/** FRA_*, linux/fib_rules.h */
const ruleAttributes = attributes({
  to: [1, ipAddress],
  from: [2, ipAddress],
  inLink: [3, string],
  priority: [6, u32],
  mark: [10, u32],
  table: [15, u32],
  mask: [16, u32],
  outLink: [17, string],
  protocol: [21, u8],
});

/** FR_ACT_*, linux/fib_rules.h */
export const RuleAction = {
  any: 0,
  toTable: 1,
  goTo: 2,
  nop: 3,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
} as const;

/** FIB_RULE_INVERT, linux/fib_rules.h */
const INVERT = 0x2;
/** Tables up to here fit the header. */
const BYTE = 0xff;

/** A rule, whether read or wanted: what a packet must be like, and where it is looked up then. */
export interface Rule {
  readonly family: Family;
  readonly from?: Prefix;
  readonly to?: Prefix;
  /** Names of links. */
  readonly inLink?: string;
  readonly outLink?: string;
  readonly mark?: number;
  readonly mask?: number;
  /** The packet must be unlike this. */
  readonly invert?: boolean;
  /** Lower ones are asked first. */
  readonly priority?: number;
  readonly table?: number;
  /** See RuleAction; toTable. */
  readonly action?: number;
  readonly protocol?: number;
}

/** Adds a rule; fails with EEXIST where there is an identical one. */
export function newRule(rule: Rule): Request {
  return {
    purpose: `add rule for table ${rule.table ?? 0}`,
    type: Type.new,
    flags: MessageFlag.create | MessageFlag.exclusive,
    write: (to) => writeRule(to, { action: RuleAction.toTable, ...rule }),
  };
}

/** Deletes the first rule that has all that is given; fails with ENOENT where none does. */
export function deleteRule(rule: Rule): Request {
  return {
    purpose: `delete rule for table ${rule.table ?? 0}`,
    type: Type.delete,
    flags: 0,
    write: (to) => writeRule(to, rule),
  };
}

/** Lists rules: for NetlinkSocket.dump. */
export function dumpRules({
  family,
}: {
  readonly family?: Family;
} = {}): Request<Rule | undefined> {
  return {
    purpose: "list rules",
    type: Type.get,
    flags: 0,
    write: (to) => ruleHeader.put(to, { family: familyNumber(family) }),
    read: readRule,
  };
}

/** Lists the tables that rules lead to, of all families. */
export function dumpRuleTables(): Request<number | undefined> {
  return { ...dumpRules(), read: readTable };
}

function readTable(from: Reader, start: number, end: number): number | undefined {
  ruleHeader.require(start, end);
  const rest = Located.within(ruleAttributes, from, start + ruleHeader.size, end);
  return rest.get("table") ?? ruleHeader.field.table.get(from, start);
}

function writeRule(to: Writer, rule: Rule): void {
  const { from, to: destination, table = 0 } = rule;
  const isWide = table > BYTE;
  ruleHeader.put(to, {
    family: familyNumber(rule.family),
    dstLength: destination?.length,
    srcLength: from?.length,
    table: isWide ? 0 : table,
    action: rule.action,
    flags: rule.invert ? INVERT : 0,
  });
  ruleAttributes.write(
    to,
    {
      from: from?.address,
      to: destination?.address,
      priority: rule.priority,
      mark: rule.mark,
      mask: rule.mask,
      inLink: rule.inLink,
      outLink: rule.outLink,
      table: isWide ? table : undefined,
      protocol: rule.protocol,
    },
    {},
  );
}

/** Undefined for a rule that is not about IP. */
function readRule(reader: Reader, start: number, end: number): Rule | undefined {
  const header = ruleHeader.read(reader, start, end);
  const family = familyOf(header.family);
  if (family === undefined) return undefined;
  const values = ruleAttributes.read(reader, start + ruleHeader.size, end, {});
  const { from, to, ...rest } = values;
  return {
    ...rest,
    family,
    from: from && { address: from, length: header.srcLength },
    to: to && { address: to, length: header.dstLength },
    invert: (header.flags & INVERT) !== 0,
    priority: values.priority ?? 0,
    table: values.table ?? header.table,
    action: header.action,
  };
}
