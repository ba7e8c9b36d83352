/** Another host: a namespace that reaches the world's own by a wire, and nothing of the containers but through it. */

import type { Host } from "./host.ts";

/** Addresses of the wire's two ends. */
export const outside = {
  4: { host: "192.0.2.1", peer: "192.0.2.2" },
  6: { host: "2001:db8::1", peer: "2001:db8::2" },
} as const;

const commands = `
ip link add up0 type veth peer name up0 netns out
ip addr add 192.0.2.1/24 dev up0
ip addr add 2001:db8::1/64 dev up0 nodad
ip link set up0 up
ip -n out addr add 192.0.2.2/24 dev up0
ip -n out addr add 2001:db8::2/64 dev up0 nodad
ip -n out link set lo up
ip -n out link set up0 up
`;

/** Makes the namespace "out" and the wire to it. */
export async function addOutside(host: Host): Promise<void> {
  await host.addNetns("out");
  await host.run("sh", "-ec", commands);
}
