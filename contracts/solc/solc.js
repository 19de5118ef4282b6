"use strict";
// npm's solc (WebAssembly) behind the two options that compiler drivers use. `solcjs` itself
// prints a line before the JSON, which no driver can parse.
const fs = require("fs");
const path = require("path");

const root = path.resolve(__dirname, "..", "..");
const compiler = require(require.resolve("solc", { paths: [process.cwd(), root] }));

const argv = process.argv.slice(2);
const bases = [];
for (let i = 0; i < argv.length; i++) {
  const [option, joined] = argv[i].split("=", 2);
  if (option === "--base-path" || option === "--include-path") {
    bases.push(path.resolve(joined === undefined ? argv[++i] : joined));
  }
}
if (bases.length === 0) bases.push(process.cwd());

function readImport(unit) {
  for (const base of bases) {
    const file = path.resolve(base, unit);
    const inside = !path.relative(base, file).startsWith("..");
    if (inside && fs.existsSync(file)) return { contents: fs.readFileSync(file, "utf8") };
  }
  return { error: `${unit} not found under ${bases.join(", ")}` };
}

if (argv.includes("--version")) {
  console.log("solc, the solidity compiler commandline interface");
  console.log(`Version: ${compiler.version()}`);
} else if (argv.includes("--standard-json")) {
  const input = fs.readFileSync(0, "utf8");
  process.stdout.write(compiler.compile(input, { import: readImport }));
} else {
  console.error("this executable answers --version and --standard-json");
  process.exit(1);
}
