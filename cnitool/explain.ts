/** explain: what a network's configuration will make, as a person would type it. */

import type { JsonObject, NetworkList } from "../libcni/config.ts";
import { withRuntimeConfig } from "../libcni/request.ts";
import { type Command, commonFlags, jsonFlag } from "./command.ts";
import { type AddressPlan, planAddresses } from "./explain/addresses.ts";
import { withGateways } from "./explain/bridge.ts";
import { explainers } from "./explain/explainers.ts";
import { capabilityArgsOf, ifNameOf, networkOf } from "./inputs.ts";
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
    "known only when a container comes: NETNS its namespace, VETH the host's end of its pair, ADDRESS4 its address.",
    "What ADD makes is shown; DEL takes it back. CAP_ARGS is taken for what the runtime says, port mappings say.",
  ].join("\n"),
  leastArgs: 1,
  flags: [...commonFlags, jsonFlag],
  async run(line, session) {
    const list = await networkOf(line, session);
    const args = capabilityArgsOf(session);
    const sections = explainList(list, ifNameOf(line, session), args);
    session.print(
      line.flags.has("json") ? printJson(sections) : sections.map(showSection).join("\n"),
    );
    return 0;
  },
};

function explainList(
  { plugins }: NetworkList,
  ifName: string,
  capabilityArgs: JsonObject | undefined,
): Section[] {
  let given: AddressPlan = { addresses: [], routes: [] };
  const before: { type: string; config: JsonObject }[] = [];
  return plugins.map((plugin) => {
    const { type, json } = plugin;
    const plan = planAddresses(json);
    if (plan.addresses.length > 0 || plan.remark !== undefined) {
      given = type === "bridge" ? withGateways(json, plan) : plan;
    }
    const explainer = explainers[type];
    if (explainer === undefined) {
      return { plugin: type, lines: [], remark: `what "${type}" does is not known here` };
    }
    const config = withRuntimeConfig(plugin, capabilityArgs);
    const lines = explainer({ config, ifName, plan, given, before: [...before] });
    before.push({ type, config });
    return { plugin: type, lines, ...(plan.remark !== undefined && { remark: plan.remark }) };
  });
}

function showSection({ plugin, lines, remark }: Section): string {
  const remarks = remark === undefined ? [] : [`# ${remark}`];
  return `${[`# ${plugin}`, ...lines, ...remarks].join("\n")}\n`;
}
