/** explain: what a network's configuration will make, as a person would type it. */

import type { NetworkList } from "../libcni/config.ts";
import { type Command, commonFlags, jsonFlag } from "./command.ts";
import { planAddresses } from "./explain-ipam.ts";
import { explainers } from "./explain-plugins.ts";
import { ifNameOf, networkOf } from "./inputs.ts";
import { printJson } from "./table.ts";

/** One plugin's part. */
interface Section {
  readonly plugin: string;
  readonly lines: readonly string[];
  /** What the lines do not say. */
  readonly remark?: string;
}

export const explain: Command = {
  name: "explain",
  usage: "NETWORK",
  summary: "shows what a network's configuration will make, as lines of ip, bridge and nft",
  details: [
    "The plugins use netlink, not these programs: the lines come to the same. Capital letters stand for what is",
    "known only when a container comes. What ADD makes is shown; DEL takes it back.",
  ].join("\n"),
  leastArgs: 1,
  flags: [...commonFlags, jsonFlag],
  async run(line, session) {
    const list = await networkOf(line, session);
    const sections = explainList(list, ifNameOf(line, session));
    session.print(
      line.flags.has("json") ? printJson(sections) : sections.map(showSection).join("\n"),
    );
    return 0;
  },
};

function explainList({ plugins }: NetworkList, ifName: string): Section[] {
  return plugins.map(({ type, json }) => {
    const plan = planAddresses(json);
    const explainer = explainers[type];
    if (explainer === undefined) {
      return { plugin: type, lines: [], remark: `what "${type}" does is not known here` };
    }
    const lines = explainer({ config: json, ifName, plan });
    return { plugin: type, lines, ...(plan.remark !== undefined && { remark: plan.remark }) };
  });
}

function showSection({ plugin, lines, remark }: Section): string {
  const remarks = remark === undefined ? [] : [`# ${remark}`];
  return `${[`# ${plugin}`, ...lines, ...remarks].join("\n")}\n`;
}
