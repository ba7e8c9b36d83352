/** The bridge plugin does what every interface plugin must do. */

import { batch, networkOf, testInterfacePlugin } from "./harness/interface-plugin.ts";

testInterfacePlugin({
  plugin: "bridge",
  config: networkOf("bridge", { isGateway: true }),
  prepare: async (host) => {
    await batch(host, "", [
      "link add cni0 address 02:00:00:00:00:01 up type bridge",
      "address add 10.1.0.1/24 dev cni0",
      "address add fd00:1::1/64 dev cni0 nodad",
    ]);
    await host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
  },
  kind: "veth",
  interfaces: 3,
  neighbours: "",
  existing: /^container veth name \("eth0"\) peer provided \("veth[0-9a-f]{8}"\) already exists$/,
});
