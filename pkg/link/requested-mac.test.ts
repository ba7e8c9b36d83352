import assert from "node:assert/strict";
import test from "node:test";
import { requestedMac } from "./requested-mac.ts";

test("the first text that says anything counts", () => {
  assert.equal(
    requestedMac(undefined, "", "02:00:00:00:00:01", "02:00:00:00:00:02"),
    "02:00:00:00:00:01",
  );
  assert.equal(requestedMac(undefined, ""), undefined);
});

test("every notation becomes the usual one", () => {
  assert.equal(requestedMac("0200.0000.00AB"), "02:00:00:00:00:ab");
});

const refused: [text: string, reason: RegExp][] = [
  ["nonsense", /invalid args nonsense for MAC addr: address nonsense: invalid MAC address$/],
  ["02:00:00:00:00:00:00:01", /invalid MAC address/],
  ["01:00:5e:00:00:01", /multicast/],
  ["ff:ff:ff:ff:ff:ff", /multicast/],
  ["00:00:00:00:00:00", /no interface can have it/],
];
for (const [text, reason] of refused) {
  test(`${text} is refused`, () => assert.throws(() => requestedMac(text), reason));
}
