/** Another host: a namespace that reaches the world's own by a wire, and nothing of the containers but through it. */

import type { Host } from "./host.ts";

/** Addresses of the wire's two ends. */
export const outside = {
  4: { host: "192.0.2.1", peer: "192.0.2.2" },
  6: { host: "2001:db8::1", peer: "2001:db8::2" },
} as const;

/**
 * The host asks for the neighbours of those it forwards for from a link-local address, so both ends have to have theirs
 * before a test begins: without duplicate address detection, and without the second for which the kernel gathers the
 * news that a link is ready, unless it is the end of a pair whose other end has another number.
 */
const commands = `
ip link add up0 index 1000 type veth peer name up0 netns out
for end in "" "ip netns exec out"; do
  $end sh -c "echo 0 > /proc/sys/net/ipv6/conf/up0/accept_dad"
done
ip addr add 192.0.2.1/24 dev up0
ip addr add 2001:db8::1/64 dev up0 nodad
ip link set up0 up
ip -n out addr add 192.0.2.2/24 dev up0
ip -n out addr add 2001:db8::2/64 dev up0 nodad
ip -n out link set lo up
ip -n out link set up0 up
for end in "" "-n out"; do
  until ip $end -6 addr show dev up0 scope link | grep -q inet6; do sleep 0.02; done
done
`;

/** Makes the namespace "out" and the wire to it. */
export async function addOutside(host: Host): Promise<void> {
  await host.addNetns("out");
  await host.run("sh", "-ec", commands);
}
