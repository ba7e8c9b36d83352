/** Configurations that tests begin with. */

/** Any JSON object. */
export type Config = Record<string, unknown>;

export const subnet4 = "10.1.0.0/24";
export const subnet6 = "fd00:1::/64";

/** An address of each family for every container. */
export const dualStack: Config = {
  type: "host-local",
  ranges: [[{ subnet: subnet4 }], [{ subnet: subnet6 }]],
};

/** A bridge with addresses of both families, changed as given; undefined leaves a key out. */
export function bridgeConfig(changes: Config = {}): Config {
  return { cniVersion: "1.1.0", name: "net1", type: "bridge", ipam: dualStack, ...changes };
}

/** The bridge as most networks have it: gateway on the bridge, default routes. */
export function gatewayConfig(changes: Config = {}): Config {
  return bridgeConfig({ isDefaultGateway: true, ...changes });
}

/** No addresses: the container is on the bridge and that is all. */
export function layer2Config(changes: Config = {}): Config {
  return bridgeConfig({ ipam: undefined, ...changes });
}

/** For host-local called directly. */
export function hostLocalConfig(ipam: Config = {}, changes: Config = {}): Config {
  return {
    cniVersion: "1.1.0",
    name: "net1",
    type: "bridge",
    ipam: { ...dualStack, ...ipam },
    ...changes,
  };
}

/** For loopback. */
export function loopbackConfig(changes: Config = {}): Config {
  return { cniVersion: "1.1.0", name: "lo-net", type: "loopback", ...changes };
}

/** What a runtime passes on CHECK and DEL: the configuration with ADD's result in it. */
export function withResult(config: Config, prevResult: unknown): Config {
  return { ...config, prevResult };
}
