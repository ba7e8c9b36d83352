import assert from "node:assert/strict";
import test from "node:test";
import { sha512 } from "./sha512.ts";

test("sha512() gives the standard's own examples", () => {
  assert.equal(
    sha512("abc"),
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  );
  assert.equal(
    sha512(""),
    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce" +
      "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
  );
  assert.equal(
    sha512(
      "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn" +
        "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
    ),
    "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018" +
      "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909",
  );
});

test("sha512() gives the names the reference suite derives", () => {
  const digest = sha512("fullcnitool-458ee3745730d9600685");
  assert.equal(`CNI-${digest}`.slice(0, 28), "CNI-c6f27a48e8d48af6da7bf067");
  assert.equal(sha512("nftnet").slice(0, 16), "e47d63df51ce7720");
});
