import { expect, test } from "vitest";
import { outputs } from "../../src/report/outputs.ts";
import { broken, green, red, two, withText } from "./samples.ts";

test("a red report in outputs", () => {
  expect(outputs(red, { report: "report.json", page: "page.html" })).toEqual({
    verdict: "fail",
    blocking: "3",
    errors: "3",
    warnings: "1",
    notices: "1",
    preexisting: "1",
    ignored: "1",
    heads: "d15ea5ed0b0e\nfacade0ffbea",
    report: "report.json",
    page: "page.html",
    sarif: "",
  });
});
test("a green one, and one without a file", () => {
  expect(outputs(green)).toMatchObject({ verdict: "pass", blocking: "0", errors: "0", heads: "d15ea5ed0b0e", report: "" });
  expect(outputs(broken)).toMatchObject({ verdict: "error", blocking: "0" });
});
test("heads of all environments", () => {
  expect(outputs(two).heads).toBe("d15ea5ed0b0e\nd15ea5ed0b0e\nfacade0ffbea");
});
test("a head is one line, whatever it is called", () => {
  expect(outputs(withText("a\nb\u001b[2J")).heads).toBe("a b\nb");
});
