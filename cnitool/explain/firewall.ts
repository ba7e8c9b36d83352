/** What the firewall plugin makes, by each of its backends. */

import type { Planned } from "./addresses.ts";
import { asHost, type Explanation, nft, textOr, withoutLength } from "./lines.ts";

export function explainFirewall({ config, given, before }: Explanation): string[] {
  const policy = textOr(config.ingressPolicy, "open");
  const bridge = before.findLast(({ type }) => type === "bridge")?.config.bridge;
  const plan: Plan = {
    addresses: given.addresses,
    admin: textOr(config.iptablesAdminChainName, "CNI-ADMIN"),
    isolated: policy === "isolated",
    bridge: policy === "open" ? undefined : textOr(bridge, "cni0"),
  };
  switch (config.backend) {
    case "nftables":
      return byNftables(plan);
    case "firewalld": {
      const zone = textOr(config.firewalldZone, "trusted");
      return plan.addresses.map(
        ({ address, family }) =>
          `firewall-cmd --zone=${zone} --add-source=${asHost(address, family)}`,
      );
    }
    case "iptables":
      return byIptables(plan);
    default:
      return [
        "# by firewalld where that runs, by nftables where iptables is not installed; else",
        ...byIptables(plan),
      ];
  }
}

interface Plan {
  readonly addresses: readonly Planned[];
  readonly admin: string;
  /** The bridge that a policy is about. */
  readonly bridge: string | undefined;
  readonly isolated: boolean;
}

const missing = "    # if it is missing";

function byIptables({ addresses, admin, bridge, isolated }: Plan): string[] {
  const stages = bridge === undefined ? [] : ["CNI-ISOLATION-STAGE-1", "CNI-ISOLATION-STAGE-2"];
  const chains = ["CNI-FORWARD", admin, "CNI-FIREWALL-OWNERS", ...stages];
  const from = bridge === undefined ? "" : ` -i ${bridge}`;
  return ([4, 6] as const).flatMap((family) => {
    const own = addresses.filter((it) => it.family === family);
    if (own.length === 0) return [];
    const program = family === 4 ? "iptables" : "ip6tables";
    const first = ["-I FORWARD -j CNI-FORWARD", `-I CNI-FORWARD -j ${admin}`];
    return [
      ...chains.map((chain) => `-N ${chain}${missing}`),
      ...first.map((rule) => `${rule}${missing}`),
      ...own.flatMap(({ address }) => {
        const host = asHost(address, family);
        return [
          `-A CNI-FIREWALL-OWNERS -s ${host}${from} -j RETURN`,
          `-A CNI-FORWARD -d ${host} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
          `-A CNI-FORWARD -s ${host} -j ACCEPT`,
        ];
      }),
      ...(bridge === undefined ? [] : isolation(bridge, isolated)),
    ].map((words) => `${program} ${words}`);
  });
}

/** The policies come before all others. */
function isolation(bridge: string, isolated: boolean): string[] {
  const [one, two] = ["CNI-ISOLATION-STAGE-1", "CNI-ISOLATION-STAGE-2"];
  return [
    `-I FORWARD -j ${one}`,
    ...(isolated ? [`-A ${one} -i ${bridge} -o ${bridge} -j DROP`] : []),
    `-A ${one} -i ${bridge} ! -o ${bridge} -j ${two}`,
    `-A ${one} -j RETURN`,
    `-A ${two} -o ${bridge} -j DROP`,
    `-A ${two} -j RETURN`,
  ].map((rule) => `${rule}${missing}`);
}

const table = "inet cni_firewall";

function byNftables({ addresses, bridge, isolated }: Plan): string[] {
  const chains = ["admin", "containers", "isolation_stage_1", "isolation_stage_2"];
  const rule = (chain: string, words: string) => nft(`add rule ${table} ${chain} ${words}`);
  return [
    nft(`add table ${table}`),
    nft(`add chain ${table} forward { type filter hook forward priority filter; }`),
    ...chains.map((chain) => nft(`add chain ${table} ${chain}`)),
    nft(`flush chain ${table} forward`),
    ...["isolation_stage_1", "admin", "containers"].map((chain) =>
      rule("forward", `jump ${chain}`),
    ),
    ...(bridge === undefined
      ? []
      : [
          rule(
            "isolation_stage_1",
            `iifname "${bridge}" oifname != "${bridge}" jump isolation_stage_2`,
          ),
          ...(isolated
            ? [rule("isolation_stage_1", `iifname "${bridge}" oifname "${bridge}" drop`)]
            : []),
          rule("isolation_stage_2", `oifname "${bridge}" drop`),
        ]),
    ...addresses.flatMap(({ address, family }) => {
      const ip = family === 4 ? "ip" : "ip6";
      const own = withoutLength(address);
      return [
        rule("containers", `${ip} daddr ${own} ct state established,related accept`),
        rule("containers", `${ip} saddr ${own} accept`),
      ];
    }),
    "# and the last rules in each chain of the host that drops what it forwards",
  ];
}
