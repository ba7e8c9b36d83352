/** The interface plugins beside the reference's, as far as every kernel has their links. */

import { compareWithReference } from "./harness/compare-interfaces.ts";

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
