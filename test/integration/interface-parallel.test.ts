/** A hundred containers at once on one network of each interface plugin; parallel.test.ts has the bridge's. */

import { testCrowd } from "./harness/crowd.ts";
import { batch } from "./harness/interface-plugin.ts";

const device = (place: number) => `dev${place}`;

testCrowd({ plugin: "veth", keys: () => ({}), reaches: true });
testCrowd({
  plugin: "macvlan",
  keys: () => ({ master: "wire0", enabledad: false }),
  reaches: true,
});
testCrowd({ plugin: "tap", keys: () => ({}) });
testCrowd({
  plugin: "host-device",
  keys: (place) => ({ device: device(place), enabledad: false }),
  prepare: (host, places) =>
    batch(
      host,
      "",
      places.map((place) => `link add ${device(place)} type veth peer name far${place}`),
    ),
});
