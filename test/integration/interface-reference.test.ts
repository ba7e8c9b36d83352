/** The interface plugins beside the reference's, as far as every kernel has their links. */

import { compareWithReference } from "./harness/compare-interfaces.ts";
import { dualStack } from "./harness/networks.ts";

compareWithReference("ptp", {});
compareWithReference("ptp", { mtu: 1400, dns: { nameservers: ["192.0.2.1"] } });
compareWithReference("macvlan", { master: "wire0" });
compareWithReference("macvlan", {
  master: "wire0",
  mode: "private",
  mtu: 1400,
  mac: "02:00:00:00:00:07",
  bcqueuelen: 99,
});
compareWithReference("macvlan", { master: "wire0", mode: "passthru", cniVersion: "0.4.0" });
compareWithReference("tap", {
  multiQueue: true,
  mtu: 1400,
  runtimeConfig: { mac: "02:00:00:00:00:07" },
});
compareWithReference("host-device", { device: "wire0" });
compareWithReference("host-device", { device: "wire0", cniVersion: "0.2.0" });
// Default routes of IPAM beside those of isDefaultGateway fail the reference.
compareWithReference("bridge", { isDefaultGateway: true, ipam: dualStack });
compareWithReference("bridge", { isGateway: true, mtu: 1400, promiscMode: true, enabledad: true });
compareWithReference("bridge", {
  bridge: "cni0",
  hairpinMode: true,
  portIsolation: true,
  runtimeConfig: { mac: "02:00:00:00:00:07" },
  cniVersion: "0.4.0",
});
compareWithReference("bridge", { ipam: undefined, disableContainerInterface: true });
