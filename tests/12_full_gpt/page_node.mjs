// Opens a page without a browser.
//
//   node page_node.mjs modules          the tests of the modules: {checks, problems}
//   node page_node.mjs PAGE < JOBS      a list of {prompt, count, options, seed}: the list of texts, and the model's speed

import {readFileSync} from "node:fs";

import {openPage} from "../../chapters/12_full_gpt/given/page/open.mjs";
import {continueText} from "../../chapters/12_full_gpt/given/page/writer.mjs";
import {moduleProblems} from "./page_modules.mjs";

if (process.argv[2] === "modules") {
  console.log(JSON.stringify(moduleProblems()));
} else {
  const page = readFileSync(process.argv[2], "utf-8");
  const {model, codec, description} = openPage((id) => {
    const begin = page.indexOf(">", page.indexOf(` id="${id}"`)) + 1;
    return page.slice(begin, page.indexOf("</script>", begin));
  });
  const jobs = JSON.parse(readFileSync(0, "utf-8"));
  const start = performance.now();
  const texts = jobs.map(({prompt, count, options, seed}) => continueText(model, codec, prompt, count, options, seed));
  const seconds = (performance.now() - start) / 1000;
  const tokens = jobs.reduce((sum, {count}) => sum + count, 0);
  console.log(JSON.stringify({texts, tokensASecond: tokens / seconds, description: {...description, tokenizer: null}}));
}
