import { expect, test } from "vitest";
import { proxyFor } from "../../src/github/octokit.ts";

const proxy = "http://proxy.example:3128";

test.for<[string, string, Record<string, string>, string | undefined]>([
  ["no variable", "https://api.github.com", {}, undefined],
  ["https_proxy", "https://api.github.com", { https_proxy: proxy }, proxy],
  ["HTTPS_PROXY", "https://api.github.com", { HTTPS_PROXY: proxy }, proxy],
  ["the lower-case name is the stronger", "https://api.github.com", { HTTPS_PROXY: "x", https_proxy: proxy }, proxy],
  ["an empty one is none", "https://api.github.com", { https_proxy: "", HTTPS_PROXY: "" }, undefined],
  ["http_proxy is for http", "https://api.github.com", { http_proxy: proxy }, undefined],
  ["http", "http://ghe.example/api/v3", { http_proxy: proxy }, proxy],
  ["no_proxy: the host", "https://ghe.example/api/v3", { https_proxy: proxy, no_proxy: "localhost,ghe.example" }, undefined],
  ["no_proxy: its domain", "https://api.ghe.example", { https_proxy: proxy, NO_PROXY: "ghe.example" }, undefined],
  ["no_proxy: its domain with a dot", "https://api.ghe.example", { https_proxy: proxy, no_proxy: ".ghe.example" }, undefined],
  ["no_proxy: a star before it", "https://api.ghe.example", { https_proxy: proxy, no_proxy: "*.ghe.example" }, undefined],
  ["no_proxy: everything", "https://api.github.com", { https_proxy: proxy, no_proxy: "*" }, undefined],
  ["no_proxy: another that ends alike", "https://myghe.example", { https_proxy: proxy, no_proxy: "ghe.example" }, proxy],
  ["no_proxy: another port", "https://ghe.example", { https_proxy: proxy, no_proxy: "ghe.example:8443" }, proxy],
  ["no_proxy: the port", "https://ghe.example:8443", { https_proxy: proxy, no_proxy: "ghe.example:8443" }, undefined],
  ["no_proxy: the usual port", "https://ghe.example", { https_proxy: proxy, no_proxy: " GHE.example:443" }, undefined],
])("%s", ([, url, env, expected]) => {
  expect(proxyFor(new URL(url), env)).toBe(expected);
});
