import assert from "node:assert/strict";
import test from "node:test";
import { parseFlows } from "./few.ts";

const igmp =
  "ipv4     2 unknown  2 599 src=10.9.0.1 dst=224.0.0.22 [UNREPLIED] src=224.0.0.22 dst=10.9.0.1 mark=0 zone=0 use=2\n";
const udp =
  "ipv4     2 udp      17 29 src=127.0.0.1 dst=127.0.0.1 sport=47127 dport=53 [UNREPLIED] src=127.0.0.1 dst=127.0.0.1 sport=53 dport=47127 mark=0 zone=0 use=2\n";
const tcp =
  "ipv6     10 tcp      6 431999 ESTABLISHED src=fd00::1 dst=fd00::2 sport=41000 dport=80 src=fd00:1::2 dst=fd00::1 sport=8080 dport=41000 [ASSURED] mark=0 secctx=x:y zone=3 use=2\n";

const cases: [title: string, text: string, flows: unknown][] = [
  ["nothing", "", []],
  ["no ports", igmp, [{ protocol: 2, destinationPort: undefined }]],
  ["the port it was opened to", udp, [{ protocol: 17, destinationPort: 53 }]],
  [
    "several",
    igmp + tcp + udp,
    [
      { protocol: 2, destinationPort: undefined },
      { protocol: 6, destinationPort: 80 },
      { protocol: 17, destinationPort: 53 },
    ],
  ],
  ["something else", "a new kind of line\n", undefined],
];

for (const [title, text, flows] of cases) {
  test(`connections as the kernel prints them: ${title}`, () => {
    assert.deepEqual(parseFlows(text), flows);
  });
}
